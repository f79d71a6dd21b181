import { Module } from '@nestjs/common'
import { TaskLedgerModule } from '../tasks/task-ledger.module.js'
import { PostedSbomsRepository } from './posted-sboms.repository.js'
import { PostedSbomsService } from './posted-sboms.service.js'
import { SbomsController } from './sboms.controller.js'

@Module({
  imports: [TaskLedgerModule],
  controllers: [SbomsController],
  providers: [PostedSbomsService, PostedSbomsRepository],
  exports: [PostedSbomsService],
})
export class SbomsModule {}
