import { type DynamicModule, Module } from '@nestjs/common'
import { QueuesModule } from '@pharos/service-kit'
import type { WorkerConfiguration } from './configuration.js'
import { EnginesModule } from './engines/engines.module.js'
import { EnrichmentsModule } from './enrichments/enrichments.module.js'
import { WorkerMetricsModule } from './metrics/metrics.module.js'
import { RematchesModule } from './rematches/rematches.module.js'
import { ResultsModule } from './results/results.module.js'
import { ScansModule } from './scans/scans.module.js'
import { SlotsModule } from './slots/slots.module.js'
import { StorageModule } from './storage/storage.module.js'
import { WorkersModule } from './workers/workers.module.js'

/** The worker: two queues, a pool of slots, and a pipeline of phases. */
@Module({})
export class AppModule {
  static register(configuration: WorkerConfiguration): DynamicModule {
    return {
      module: AppModule,
      imports: [
        QueuesModule.register({ redisUrl: configuration.redis.url }),
        SlotsModule,
        StorageModule,
        WorkerMetricsModule,
        ResultsModule,
        EnginesModule,
        WorkersModule,
        ScansModule,
        RematchesModule,
        EnrichmentsModule,
      ],
    }
  }
}
