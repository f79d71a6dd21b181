import { Controller, HttpCode, Post } from '@nestjs/common'
import { ClaimSchedules, FinishSchedule, WatchObservation } from '@pharos/contracts'
import { ForServices, ValidBody, ValidParams } from '@pharos/service-kit'
import { z } from 'zod'
import { WatchObservationsService } from '../watches/watch-observations.service.js'
import { SchedulesService } from './schedules.service.js'

const IdParams = z.object({ id: z.string().max(100) })
type IdParams = z.infer<typeof IdParams>

/** Due schedules for schedulers. */
@Controller('internal/v1/schedules')
@ForServices('scheduler')
export class ScheduleClaimsController {
  constructor(
    private readonly schedules: SchedulesService,
    private readonly observations: WatchObservationsService,
  ) {}

  @Post('claim')
  @HttpCode(200)
  async claim(@ValidBody(ClaimSchedules) body: z.infer<typeof ClaimSchedules>) {
    return { items: await this.schedules.claim(body) }
  }

  @Post(':id/finish')
  @HttpCode(204)
  finish(@ValidParams(IdParams) { id }: IdParams, @ValidBody(FinishSchedule) body: FinishSchedule) {
    return this.schedules.finish(id, body)
  }

  @Post(':id/observed')
  @HttpCode(200)
  async observed(@ValidParams(IdParams) { id }: IdParams, @ValidBody(WatchObservation) body: WatchObservation) {
    return { newTasks: await this.schedules.observed(id, body.leaseToken, (tx, watchId) => this.observations.take(tx, watchId, body)) }
  }
}
