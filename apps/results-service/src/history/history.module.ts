import { Module } from '@nestjs/common'
import { AsOfController } from './as-of.controller.js'
import { AsOfRepository } from './as-of.repository.js'
import { AsOfService } from './as-of.service.js'
import { DiffRepository } from './diff.repository.js'
import { DiffService } from './diff.service.js'
import { HistoryController } from './history.controller.js'
import { HistoryHorizon } from './history-horizon.js'
import { HistoryRepository } from './history.repository.js'
import { HistoryService } from './history.service.js'

/** What was known when, and what changed. */
@Module({
  controllers: [AsOfController, HistoryController],
  providers: [AsOfRepository, AsOfService, DiffRepository, DiffService, HistoryHorizon, HistoryRepository, HistoryService],
})
export class HistoryModule {}
