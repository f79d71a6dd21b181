import { Controller, Delete, Get, HttpCode, Post } from '@nestjs/common'
import { CreateToken, PageQuery, type Principal } from '@pharos/contracts'
import { ForServices, ValidBody, ValidParams, ValidQuery } from '@pharos/service-kit'
import { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import { TokensService } from './tokens.service.js'

const IdParams = z.object({ id: z.string().max(64) })
type IdParams = z.infer<typeof IdParams>

@Controller('api/v1/tokens')
@ForServices('api-gateway')
export class TokensController {
  constructor(private readonly tokens: TokensService) {}

  @Get()
  list(@ValidQuery(PageQuery) query: PageQuery, @CurrentPrincipal() principal: Principal) {
    return this.tokens.list(query, principal)
  }

  @Post()
  create(@ValidBody(CreateToken) body: CreateToken, @CurrentPrincipal() principal: Principal) {
    return this.tokens.create(body, principal)
  }

  @Delete(':id')
  @HttpCode(204)
  revoke(@ValidParams(IdParams) { id }: IdParams, @CurrentPrincipal() principal: Principal) {
    return this.tokens.revoke(id, principal)
  }
}
