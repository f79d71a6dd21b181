import { DataSource } from 'typeorm'
import { migrations } from './migrations/index.js'

/** What a connection pool needs to know. */
export interface DataSourceSettings {
  readonly url: string
  readonly poolSize: number
}

/** The data source of results-service. Tables are queried with SQL in repositories, so it knows no entities. */
export function createDataSource(settings: DataSourceSettings): DataSource {
  return new DataSource({
    type: 'postgres',
    url: settings.url,
    poolSize: settings.poolSize,
    applicationName: 'pharos-results-service',
    entities: [],
    migrations: [...migrations],
    migrationsTableName: 'schema_migration',
    migrationsTransactionMode: 'each',
    synchronize: false,
    logging: false,
    extra: { connectionTimeoutMillis: 10_000, idle_in_transaction_session_timeout: 120_000, keepAlive: true },
  })
}
