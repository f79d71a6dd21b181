import { Global, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common'
import { CONFIGURATION, HealthRegistry, httpHealth, InjectConfiguration, ServiceClient, ServiceTokenSigner } from '@pharos/service-kit'
import type { WorkerConfiguration } from '../configuration.js'
import { ResultsClient } from './results.client.js'

/** The way to results-service; without it the worker is not ready. */
@Global()
@Module({
  providers: [
    {
      provide: ServiceClient,
      inject: [CONFIGURATION],
      useFactory: ({ results, identity }: WorkerConfiguration) =>
        new ServiceClient({
          target: 'results-service',
          baseUrl: results.url,
          signer: new ServiceTokenSigner('scanner-worker', identity.key),
        }),
    },
    ResultsClient,
  ],
  exports: [ServiceClient, ResultsClient],
})
export class ResultsModule implements OnModuleInit, OnApplicationShutdown {
  constructor(
    private readonly health: HealthRegistry,
    private readonly client: ServiceClient,
    @InjectConfiguration() private readonly configuration: WorkerConfiguration,
  ) {}

  onModuleInit(): void {
    this.health.addCheck('results-service', httpHealth(this.configuration.results.url))
  }

  onApplicationShutdown(): void {
    this.client.close()
  }
}
