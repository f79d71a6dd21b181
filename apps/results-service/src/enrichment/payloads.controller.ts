import { Controller, Get, Header } from '@nestjs/common'
import { Digest, EnricherPayloadQuery, type Principal } from '@pharos/contracts'
import { ForServices, ValidParams, ValidQuery } from '@pharos/service-kit'
import { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import { visibleRepositories } from '../access/repository-scope.js'
import { PayloadsService } from './payloads.service.js'

const ImageParams = z.object({ digest: Digest })

/** What enrichers get of an image, for the gateway. */
@Controller('api/v1/images/:digest/enricher-payload')
@ForServices('api-gateway')
export class PayloadsController {
  constructor(private readonly payloads: PayloadsService) {}

  @Get()
  @Header('content-type', 'application/json')
  read(
    @ValidParams(ImageParams) { digest }: z.infer<typeof ImageParams>,
    @ValidQuery(EnricherPayloadQuery) { key }: EnricherPayloadQuery,
    @CurrentPrincipal() principal: Principal,
  ): Promise<string> {
    return this.payloads.read(digest, key, visibleRepositories(principal))
  }
}
