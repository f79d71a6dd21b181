import { Module } from '@nestjs/common'
import { FactRetention } from './fact-retention.js'
import { FactRetentionRepository } from './fact-retention.repository.js'
import { HistoryRetention } from './history-retention.js'
import { HistoryRetentionRepository } from './history-retention.repository.js'
import { ImageRetention } from './image-retention.js'
import { ImageRetentionRepository } from './image-retention.repository.js'
import { RetentionController } from './retention.controller.js'
import { RetentionService } from './retention.service.js'
import { StorageUsageRepository } from './storage-usage.repository.js'
import { StorageUsageService } from './storage-usage.service.js'
import { TimePartitions } from './time-partitions.js'

/** How long things are kept, and what they take. */
@Module({
  controllers: [RetentionController],
  providers: [
    FactRetention,
    FactRetentionRepository,
    HistoryRetention,
    HistoryRetentionRepository,
    ImageRetention,
    ImageRetentionRepository,
    RetentionService,
    StorageUsageRepository,
    StorageUsageService,
    TimePartitions,
  ],
  exports: [RetentionService],
})
export class RetentionModule {}
