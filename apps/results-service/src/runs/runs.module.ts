import { Module } from '@nestjs/common'
import { TaskLedgerModule } from '../tasks/task-ledger.module.js'
import { RunsRepository } from './runs.repository.js'
import { RunsService } from './runs.service.js'

@Module({ imports: [TaskLedgerModule], providers: [RunsService, RunsRepository], exports: [RunsService] })
export class RunsModule {}
