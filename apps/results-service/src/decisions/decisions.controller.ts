import { Controller, Get, Headers, HttpCode, Patch, Post, Res } from '@nestjs/common'
import {
  type DecidedFindings,
  DecideFindings,
  type FindingDetail,
  type Principal,
  SetDecision,
  VulnerabilityFindingId,
} from '@pharos/contracts'
import { ForServices, ValidBody, ValidParams } from '@pharos/service-kit'
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import { visibleRepositories } from '../access/repository-scope.js'
import { versionTag } from '../inventory/version-tag.js'
import { DecisionsService } from './decisions.service.js'
import { FindingDetailsService } from './finding-details.service.js'

const FindingParams = z.object({ id: VulnerabilityFindingId })
type FindingParams = z.infer<typeof FindingParams>

/** Findings one by one, and what is decided about them, for the gateway. */
@Controller('api/v1/findings')
@ForServices('api-gateway')
export class DecisionsController {
  constructor(
    private readonly decisions: DecisionsService,
    private readonly details: FindingDetailsService,
  ) {}

  @Post('-/decide')
  @HttpCode(200)
  decide(@ValidBody(DecideFindings) body: DecideFindings, @CurrentPrincipal() principal: Principal): Promise<DecidedFindings> {
    return this.decisions.decide(body, principal)
  }

  @Get(':id')
  async get(
    @ValidParams(FindingParams) { id }: FindingParams,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<FindingDetail> {
    const detail = await this.details.get(id, visibleRepositories(principal))
    void reply.header('etag', versionTag(detail.version))
    return detail
  }

  @Patch(':id')
  async set(
    @ValidParams(FindingParams) { id }: FindingParams,
    @ValidBody(SetDecision) body: SetDecision,
    @Headers('if-match') ifMatch: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<FindingDetail> {
    await this.decisions.set(id, body, ifMatch, principal)
    return this.get({ id }, principal, reply)
  }
}
