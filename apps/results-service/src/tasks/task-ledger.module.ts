import { Module } from '@nestjs/common'
import { OutboxModule } from '../outbox/outbox.module.js'
import { TaskLedger } from './task-ledger.js'
import { TaskSubmission } from './task-submission.js'

@Module({ imports: [OutboxModule], providers: [TaskLedger, TaskSubmission], exports: [TaskLedger, TaskSubmission] })
export class TaskLedgerModule {}
