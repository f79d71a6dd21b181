import { Controller, Get, Res } from '@nestjs/common'
import { type ChangePage, ChangesQuery, type Principal } from '@pharos/contracts'
import { ForServices, ValidQuery } from '@pharos/service-kit'
import type { FastifyReply } from 'fastify'
import { CurrentPrincipal } from '../access/current-principal.js'
import { visibleRepositories } from '../access/repository-scope.js'
import { ChangesService } from './changes.service.js'

/** The feed of changes for the gateway. */
@Controller('api/v1/changes')
@ForServices('api-gateway')
export class ChangesController {
  constructor(private readonly changes: ChangesService) {}

  @Get()
  read(
    @ValidQuery(ChangesQuery) query: ChangesQuery,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ChangePage> {
    const hangUp = new AbortController()
    reply.raw.once('close', () => hangUp.abort())
    return this.changes.read(query, visibleRepositories(principal), hangUp.signal)
  }
}
