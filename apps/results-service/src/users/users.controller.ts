import { Controller, Delete, Get, HttpCode, Post } from '@nestjs/common'
import { CreateUser, PageQuery, type Principal } from '@pharos/contracts'
import { ForServices, ValidBody, ValidParams, ValidQuery } from '@pharos/service-kit'
import { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import { UsersService } from './users.service.js'

const NameParams = z.object({ name: z.string().max(64) })
type NameParams = z.infer<typeof NameParams>

@Controller('api/v1/users')
@ForServices('api-gateway')
export class UsersController {
  constructor(private readonly users: UsersService) {}

  @Get()
  list(@ValidQuery(PageQuery) query: PageQuery) {
    return this.users.list(query)
  }

  @Post()
  create(@ValidBody(CreateUser) body: CreateUser, @CurrentPrincipal() principal: Principal) {
    return this.users.create(body, principal)
  }

  @Delete(':name')
  @HttpCode(204)
  remove(@ValidParams(NameParams) { name }: NameParams, @CurrentPrincipal() principal: Principal) {
    return this.users.remove(name, principal)
  }
}
