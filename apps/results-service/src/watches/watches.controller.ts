import { Controller, Delete, Get, Headers, HttpCode, Post } from '@nestjs/common'
import { CreateWatch, PageQuery, type Principal } from '@pharos/contracts'
import { ForServices, ValidBody, ValidParams, ValidQuery } from '@pharos/service-kit'
import { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import { notificationToken } from './notification-token.js'
import { WatchesService } from './watches.service.js'

const IdParams = z.object({ id: z.string().max(64) })
type IdParams = z.infer<typeof IdParams>

@Controller('api/v1/watches')
@ForServices('api-gateway')
export class WatchesController {
  constructor(private readonly watches: WatchesService) {}

  @Get()
  list(@ValidQuery(PageQuery) query: PageQuery, @CurrentPrincipal() principal: Principal) {
    return this.watches.list(query, principal)
  }

  @Post()
  create(@ValidBody(CreateWatch) body: CreateWatch, @CurrentPrincipal() principal: Principal) {
    return this.watches.create(body, principal)
  }

  @Delete(':id')
  @HttpCode(204)
  remove(@ValidParams(IdParams) { id }: IdParams, @CurrentPrincipal() principal: Principal) {
    return this.watches.remove(id, principal)
  }

  /** The gateway calls for itself here and hands the registry's own Authorization header on in another. */
  @Post(':id/notifications')
  @HttpCode(202)
  async notify(@ValidParams(IdParams) { id }: IdParams, @Headers('x-pharos-notification-authorization') authorization: string | undefined) {
    await this.watches.notify(id, notificationToken(authorization))
    return {}
  }
}
