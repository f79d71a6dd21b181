import { Controller, Get, HttpCode, Post } from '@nestjs/common'
import { CreateRematch, ListRematchesQuery, type Principal, Uuid } from '@pharos/contracts'
import { ForServices, ValidBody, ValidParams, ValidQuery } from '@pharos/service-kit'
import { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import { RematchesService } from './rematches.service.js'

const IdParams = z.object({ id: Uuid })
type IdParams = z.infer<typeof IdParams>

/** Re-matches, for the gateway. */
@Controller('api/v1/rematches')
@ForServices('api-gateway')
export class RematchesController {
  constructor(private readonly rematches: RematchesService) {}

  @Get()
  list(@ValidQuery(ListRematchesQuery) query: ListRematchesQuery) {
    return this.rematches.list(query)
  }

  @Post()
  @HttpCode(202)
  create(@ValidBody(CreateRematch) body: CreateRematch, @CurrentPrincipal() principal: Principal) {
    return this.rematches.create(body, principal)
  }

  @Get(':id')
  get(@ValidParams(IdParams) { id }: IdParams) {
    return this.rematches.get(id)
  }

  @Post(':id/-/pause')
  @HttpCode(200)
  pause(@ValidParams(IdParams) { id }: IdParams, @CurrentPrincipal() principal: Principal) {
    return this.rematches.pause(id, true, principal)
  }

  @Post(':id/-/resume')
  @HttpCode(200)
  resume(@ValidParams(IdParams) { id }: IdParams, @CurrentPrincipal() principal: Principal) {
    return this.rematches.pause(id, false, principal)
  }
}
