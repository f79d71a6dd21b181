import { createLogger, defineConfiguration, loggingParameters, processConfiguration } from '@pharos/service-kit'
import { databaseParameters } from './configuration.js'
import { createDataSource } from './database/data-source.js'
import { runMigrations } from './database/run-migrations.js'

const configuration = processConfiguration(
  defineConfiguration('results-service-migrate', 'Brings the database to the schema of this version.', {
    logging: loggingParameters(),
    database: databaseParameters,
  }),
)
const logger = createLogger({ service: 'results-service-migrate', ...configuration.logging })
const dataSource = createDataSource(configuration.database)
try {
  await dataSource.initialize()
  logger.info('migrations done', { applied: await runMigrations(dataSource) })
} catch (error) {
  logger.error('migrations failed', { error })
  process.exitCode = 1
} finally {
  if (dataSource.isInitialized) await dataSource.destroy()
}
