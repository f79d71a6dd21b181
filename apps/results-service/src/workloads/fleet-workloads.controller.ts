import { Controller, Get, Headers, Res } from '@nestjs/common'
import { type FleetWorkloadPage, type Principal, QueryWorkloads } from '@pharos/contracts'
import { ForServices, ValidQuery } from '@pharos/service-kit'
import type { FastifyReply } from 'fastify'
import { CurrentPrincipal } from '../access/current-principal.js'
import { isNotModified } from '../inventory/entity-tag.js'
import { FleetWorkloadsService } from './fleet-workloads.service.js'

/** Workloads of all clusters, for the gateway. */
@Controller('api/v1/workloads')
@ForServices('api-gateway')
export class FleetWorkloadsController {
  constructor(private readonly workloads: FleetWorkloadsService) {}

  @Get()
  async list(
    @ValidQuery(QueryWorkloads) query: QueryWorkloads,
    @CurrentPrincipal() principal: Principal,
    @Headers('if-none-match') ifNoneMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<FleetWorkloadPage | undefined> {
    const page = await this.workloads.list(query, principal)
    return isNotModified(reply, ifNoneMatch, page) ? undefined : page
  }
}
