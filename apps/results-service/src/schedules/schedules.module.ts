import { Module } from '@nestjs/common'
import { WatchesModule } from '../watches/watches.module.js'
import { ScheduleClaimsController } from './schedule-claims.controller.js'
import { SchedulesController } from './schedules.controller.js'
import { SchedulesRepository } from './schedules.repository.js'
import { SchedulesService } from './schedules.service.js'

@Module({
  imports: [WatchesModule],
  controllers: [SchedulesController, ScheduleClaimsController],
  providers: [SchedulesService, SchedulesRepository],
})
export class SchedulesModule {}
