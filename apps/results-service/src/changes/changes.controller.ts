import { Controller, Get, Req } from '@nestjs/common'
import { type ChangePage, ChangesQuery, type Principal } from '@pharos/contracts'
import { ForServices, ValidQuery } from '@pharos/service-kit'
import type { FastifyRequest } from 'fastify'
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
    @Req() request: FastifyRequest,
  ): Promise<ChangePage> {
    const hangUp = new AbortController()
    request.raw.socket.once('close', () => hangUp.abort())
    return this.changes.read(query, visibleRepositories(principal), hangUp.signal)
  }
}
