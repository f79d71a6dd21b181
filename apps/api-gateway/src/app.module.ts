import { Module } from '@nestjs/common'
import { CONFIGURATION, HealthRegistry, httpHealth, ServiceClient, ServiceTokenSigner } from '@pharos/service-kit'
import { AuthenticatorService } from './access/authenticator.service.js'
import { PrincipalClient } from './access/principal.client.js'
import { ChangeClient } from './changes/change.client.js'
import { ChangeStreamService } from './changes/change-stream.service.js'
import type { GatewayConfiguration } from './configuration.js'
import { DocumentationController } from './documentation/documentation.controller.js'
import { LimitsService } from './limits/limits.service.js'
import { UpstreamClient } from './proxy/upstream.client.js'
import { GatewayController } from './routing/gateway.controller.js'
import { OwnRoutesService } from './routing/own-routes.service.js'
import { RequestPipelineService } from './routing/request-pipeline.service.js'
import { ScanStreamService } from './scans/scan-stream.service.js'
import { ScanSubmissionService } from './scans/scan-submission.service.js'
import { TaskNewsService } from './scans/task-news.service.js'
import { TaskWatchService } from './scans/task-watch.service.js'
import { TaskClient } from './scans/task.client.js'

/** The gateway: one pipeline for all public requests, and the few routes that it answers itself. */
@Module({
  controllers: [GatewayController, DocumentationController],
  providers: [
    {
      provide: ServiceClient,
      inject: [CONFIGURATION, HealthRegistry],
      useFactory: (configuration: GatewayConfiguration, health: HealthRegistry) => {
        health.addCheck('results-service', httpHealth(configuration.results.url))
        return new ServiceClient({
          target: 'results-service',
          baseUrl: configuration.results.url,
          timeoutMs: configuration.results.timeoutMs,
          maxSockets: 512,
          signer: new ServiceTokenSigner('api-gateway', configuration.identity.key),
        })
      },
    },
    PrincipalClient,
    AuthenticatorService,
    LimitsService,
    UpstreamClient,
    TaskClient,
    TaskNewsService,
    TaskWatchService,
    ScanStreamService,
    ScanSubmissionService,
    ChangeClient,
    ChangeStreamService,
    OwnRoutesService,
    RequestPipelineService,
  ],
})
export class AppModule {}
