import { Controller, Get } from '@nestjs/common'
import { AsOfQuery, Digest, type FindingAsOfPage, type Principal } from '@pharos/contracts'
import { ForServices, ValidParams, ValidQuery } from '@pharos/service-kit'
import { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import { visibleRepositories } from '../access/repository-scope.js'
import { AsOfService } from './as-of.service.js'

const ImageParams = z.object({ digest: Digest })

/** What was known at a past moment, for the gateway. */
@Controller('api/v1')
@ForServices('api-gateway')
export class AsOfController {
  constructor(private readonly asOf: AsOfService) {}

  @Get('findings/-/as-of')
  ofFleet(@ValidQuery(AsOfQuery) query: AsOfQuery, @CurrentPrincipal() principal: Principal): Promise<FindingAsOfPage> {
    return this.asOf.ofFleet(query, visibleRepositories(principal))
  }

  @Get('images/:digest/findings/-/as-of')
  ofImage(
    @ValidParams(ImageParams) { digest }: z.infer<typeof ImageParams>,
    @ValidQuery(AsOfQuery) query: AsOfQuery,
    @CurrentPrincipal() principal: Principal,
  ): Promise<FindingAsOfPage> {
    return this.asOf.ofImage(digest, query, visibleRepositories(principal))
  }
}
