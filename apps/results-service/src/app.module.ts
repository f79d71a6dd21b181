import { type DynamicModule, Module } from '@nestjs/common'
import { QueuesModule as RedisQueuesModule, ServiceAuthModule } from '@pharos/service-kit'
import { AccessModule } from './access/access.module.js'
import { AttemptsModule } from './attempts/attempts.module.js'
import { AuditModule } from './audit/audit.module.js'
import { ChangesModule } from './changes/changes.module.js'
import type { ResultsConfiguration } from './configuration.js'
import { DatabaseModule } from './database/database.module.js'
import { DecisionsModule } from './decisions/decisions.module.js'
import { EnrichmentModule } from './enrichment/enrichment.module.js'
import { EventsModule } from './events/events.module.js'
import { ExpiryModule } from './expiry/expiry.module.js'
import { ExportsModule } from './exports/exports.module.js'
import { HistoryModule } from './history/history.module.js'
import { InventoryModule } from './inventory/inventory.module.js'
import { QueryModule } from './query/query.module.js'
import { QueuesModule } from './queues/queues.module.js'
import { RematchesModule } from './rematches/rematches.module.js'
import { SchedulesModule } from './schedules/schedules.module.js'
import { SelectionsModule } from './selections/selections.module.js'
import { SystemModule } from './system/system.module.js'
import { TasksModule } from './tasks/tasks.module.js'
import { UpkeepModule } from './upkeep/upkeep.module.js'
import { SavedViewsModule } from './views/saved-views.module.js'
import { VexModule } from './vex/vex.module.js'
import { WorkloadsModule } from './workloads/workloads.module.js'

/** results-service: orchestration and administration here, what was found in images in the inventory's module. */
@Module({})
export class AppModule {
  static register(configuration: ResultsConfiguration): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ServiceAuthModule.register(configuration.trust.keys),
        RedisQueuesModule.register({ redisUrl: configuration.redis.url }),
        DatabaseModule,
        UpkeepModule,
        EventsModule,
        AuditModule,
        DecisionsModule,
        VexModule,
        QueryModule,
        SavedViewsModule,
        InventoryModule,
        HistoryModule,
        ExportsModule,
        ChangesModule,
        SelectionsModule,
        TasksModule,
        AttemptsModule,
        QueuesModule,
        RematchesModule,
        EnrichmentModule,
        SchedulesModule,
        AccessModule,
        SystemModule,
        ExpiryModule,
        WorkloadsModule,
      ],
    }
  }
}
