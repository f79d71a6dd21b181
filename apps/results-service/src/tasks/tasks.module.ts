import { Module } from '@nestjs/common'
import { IdempotencyModule } from '../idempotency/idempotency.module.js'
import { RunsModule } from '../runs/runs.module.js'
import { CohortsController } from './cohorts.controller.js'
import { ScanResultService } from './scan-result.service.js'
import { TaskIntakeService } from './task-intake.service.js'
import { TaskLedgerModule } from './task-ledger.module.js'
import { TasksController } from './tasks.controller.js'
import { TasksRepository } from './tasks.repository.js'
import { TasksService } from './tasks.service.js'

@Module({
  imports: [TaskLedgerModule, RunsModule, IdempotencyModule],
  controllers: [TasksController, CohortsController],
  providers: [TasksService, TasksRepository, TaskIntakeService, ScanResultService],
})
export class TasksModule {}
