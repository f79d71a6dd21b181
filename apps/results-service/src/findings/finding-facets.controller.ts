import { Controller, Get } from '@nestjs/common'
import { type FacetsAnswer, FacetsQuery, type FieldValues, FieldValuesQuery, type Principal } from '@pharos/contracts'
import { ForServices, ValidQuery } from '@pharos/service-kit'
import { CurrentPrincipal } from '../access/current-principal.js'
import { FindingFacetsService } from './finding-facets.service.js'

/** Counts of findings by value, and values to choose from, for the gateway. */
@Controller('api/v1/findings/-')
@ForServices('api-gateway')
export class FindingFacetsController {
  constructor(private readonly facets: FindingFacetsService) {}

  @Get('facets')
  count(@ValidQuery(FacetsQuery) query: FacetsQuery, @CurrentPrincipal() principal: Principal): Promise<FacetsAnswer> {
    return this.facets.count(query, principal)
  }

  @Get('values')
  values(@ValidQuery(FieldValuesQuery) query: FieldValuesQuery, @CurrentPrincipal() principal: Principal): Promise<FieldValues> {
    return this.facets.values(query, principal)
  }
}
