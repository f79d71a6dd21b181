import { Controller, Get, HttpCode, Patch, Post } from '@nestjs/common'
import { PageQuery, PatchSchedule, type Principal } from '@pharos/contracts'
import { ForServices, ValidBody, ValidParams, ValidQuery } from '@pharos/service-kit'
import { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import { SchedulesService } from './schedules.service.js'

const IdParams = z.object({ id: z.string().max(100) })
type IdParams = z.infer<typeof IdParams>

@Controller('api/v1')
@ForServices('api-gateway')
export class SchedulesController {
  constructor(private readonly schedules: SchedulesService) {}

  @Get('schedules')
  list(@ValidQuery(PageQuery) query: PageQuery) {
    return this.schedules.list(query)
  }

  @Patch('schedules/:id')
  patch(@ValidParams(IdParams) { id }: IdParams, @ValidBody(PatchSchedule) body: PatchSchedule, @CurrentPrincipal() principal: Principal) {
    return this.schedules.patch(id, body, principal)
  }

  @Post('databases/-/update')
  @HttpCode(202)
  async updateDatabases(@CurrentPrincipal() principal: Principal) {
    return { affected: await this.schedules.updateDatabases(principal) }
  }
}
