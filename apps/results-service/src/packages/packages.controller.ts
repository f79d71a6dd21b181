import { Controller, Get } from '@nestjs/common'
import { Digest, ListPackagesQuery, type Principal } from '@pharos/contracts'
import { ForServices, ValidParams, ValidQuery } from '@pharos/service-kit'
import { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import { visibleRepositories } from '../access/repository-scope.js'
import { PackagesService } from './packages.service.js'

const ImageParams = z.object({ digest: Digest })

/** Packages of an image, for the gateway. */
@Controller('api/v1/images/:digest/packages')
@ForServices('api-gateway')
export class PackagesController {
  constructor(private readonly packages: PackagesService) {}

  @Get()
  list(
    @ValidParams(ImageParams) { digest }: z.infer<typeof ImageParams>,
    @ValidQuery(ListPackagesQuery) query: ListPackagesQuery,
    @CurrentPrincipal() principal: Principal,
  ) {
    return this.packages.list(digest, query, visibleRepositories(principal))
  }
}
