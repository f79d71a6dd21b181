import { Module } from '@nestjs/common'
import { CONFIGURATION, HealthRegistry, httpHealth, ServiceClient, ServiceTokenSigner } from '@pharos/service-kit'
import type { SchedulerConfiguration } from './configuration.js'
import { CanaryCheckService } from './databases/canary-check.service.js'
import { CandidateCheckService } from './databases/candidate-check.service.js'
import { DatabaseFeedClient } from './databases/database-feed.client.js'
import { DatabaseUpdateService } from './databases/database-update.service.js'
import { DatabaseWorkspace } from './databases/database-workspace.js'
import { BackgroundLoopService } from './events/background-loop.service.js'
import { EventConsumerService } from './events/event-consumer.service.js'
import { ExpiryService } from './expiry/expiry.service.js'
import { RescanService } from './rescans/rescan.service.js'
import { ResultsClient } from './results/results.client.js'
import { ScheduleLoopService, ScheduleLoopTools } from './schedules/schedule-loop.service.js'
import { WatchService } from './watches/watch.service.js'

/** The scheduler: two loops over what is due, and the work behind them. */
@Module({
  providers: [
    {
      provide: ServiceClient,
      inject: [CONFIGURATION, HealthRegistry],
      useFactory: (configuration: SchedulerConfiguration, health: HealthRegistry) => {
        health.addCheck('results-service', httpHealth(configuration.results.url))
        return new ServiceClient({
          target: 'results-service',
          baseUrl: configuration.results.url,
          signer: new ServiceTokenSigner('scheduler', configuration.identity.key),
        })
      },
    },
    ResultsClient,
    RescanService,
    ExpiryService,
    WatchService,
    DatabaseWorkspace,
    DatabaseFeedClient,
    DatabaseUpdateService,
    CanaryCheckService,
    CandidateCheckService,
    EventConsumerService,
    BackgroundLoopService,
    ScheduleLoopTools,
    ScheduleLoopService,
  ],
})
export class AppModule {}
