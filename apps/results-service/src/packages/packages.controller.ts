import { Controller, Get, Headers, Res } from '@nestjs/common'
import { Digest, type FleetPackagePage, ListPackagesQuery, type Principal, QueryPackages } from '@pharos/contracts'
import { ForServices, ValidParams, ValidQuery } from '@pharos/service-kit'
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import { visibleRepositories } from '../access/repository-scope.js'
import { isNotModified } from '../inventory/entity-tag.js'
import { FleetPackagesService } from './fleet-packages.service.js'
import { PackagesService } from './packages.service.js'

const ImageParams = z.object({ digest: Digest })

/** Packages of images and of the fleet, for the gateway. */
@Controller('api/v1')
@ForServices('api-gateway')
export class PackagesController {
  constructor(
    private readonly packages: PackagesService,
    private readonly fleet: FleetPackagesService,
  ) {}

  @Get('packages')
  async query(
    @ValidQuery(QueryPackages) query: QueryPackages,
    @CurrentPrincipal() principal: Principal,
    @Headers('if-none-match') ifNoneMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<FleetPackagePage | undefined> {
    const page = await this.fleet.list(query, principal)
    return isNotModified(reply, ifNoneMatch, page) ? undefined : page
  }

  @Get('images/:digest/packages')
  list(
    @ValidParams(ImageParams) { digest }: z.infer<typeof ImageParams>,
    @ValidQuery(ListPackagesQuery) query: ListPackagesQuery,
    @CurrentPrincipal() principal: Principal,
  ) {
    return this.packages.list(digest, query, visibleRepositories(principal))
  }
}
