import { Module } from '@nestjs/common'
import { TaskLedgerModule } from '../tasks/task-ledger.module.js'
import { QueuesController } from './queues.controller.js'
import { QueuesRepository } from './queues.repository.js'
import { QueuesService } from './queues.service.js'

@Module({
  imports: [TaskLedgerModule],
  controllers: [QueuesController],
  providers: [QueuesService, QueuesRepository],
  exports: [QueuesService],
})
export class QueuesModule {}
