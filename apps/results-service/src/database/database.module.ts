import { Global, Module, type OnApplicationShutdown } from '@nestjs/common'
import { CONFIGURATION, HealthRegistry } from '@pharos/service-kit'
import { DataSource } from 'typeorm'
import type { ResultsConfiguration } from '../configuration.js'
import { createDataSource } from './data-source.js'
import { Database } from './transaction.js'

/** The connection pool, open from start to shutdown. */
@Global()
@Module({
  providers: [
    {
      provide: DataSource,
      inject: [CONFIGURATION, HealthRegistry],
      useFactory: async (configuration: ResultsConfiguration, health: HealthRegistry) => {
        const dataSource = await createDataSource(configuration.database).initialize()
        health.addCheck('postgres', async () => {
          await dataSource.query('select 1')
        })
        return dataSource
      },
    },
    Database,
  ],
  exports: [DataSource, Database],
})
export class DatabaseModule implements OnApplicationShutdown {
  constructor(private readonly dataSource: DataSource) {}

  async onApplicationShutdown(): Promise<void> {
    if (this.dataSource.isInitialized) await this.dataSource.destroy()
  }
}
