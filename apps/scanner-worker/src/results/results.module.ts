import { Global, Module, type OnModuleInit } from '@nestjs/common'
import { HealthRegistry, httpHealth, InjectConfiguration } from '@pharos/service-kit'
import type { WorkerConfiguration } from '../configuration.js'
import { ResultsClient } from './results.client.js'

/** The way to results-service; without it the worker is not ready. */
@Global()
@Module({ providers: [ResultsClient], exports: [ResultsClient] })
export class ResultsModule implements OnModuleInit {
  constructor(
    private readonly health: HealthRegistry,
    @InjectConfiguration() private readonly configuration: WorkerConfiguration,
  ) {}

  onModuleInit(): void {
    this.health.addCheck('results-service', httpHealth(this.configuration.results.url))
  }
}
