import { type DatabaseTemplate, startPostgres, type TestPostgres } from '@pharos/test-kit'
import type { DataSource } from 'typeorm'
import { createDataSource } from '../data-source.js'
import { migrations } from '../migrations/index.js'
import { runMigrations } from '../run-migrations.js'
import { Database } from '../transaction.js'

/** A migrated database of one test file. */
export interface ResultsDatabase {
  readonly url: string
  readonly dataSource: DataSource
  readonly database: Database
  close(): Promise<void>
}

/** Changes with the text of any migration, so that a template is never older than the code. */
const templateKey = `results:${migrations.map((migration) => `${migration.name}:${migration.toString()}`).join('\n')}`

const template: DatabaseTemplate = {
  key: templateKey,
  build: async (url) => {
    const dataSource = await createDataSource({ url, poolSize: 2 }).initialize()
    await runMigrations(dataSource)
    await dataSource.destroy()
  },
}

/** A clone of the migrated template on a real PostgreSQL, with a pool of its own. */
export async function createResultsDatabase(options: { poolSize?: number } = {}): Promise<ResultsDatabase> {
  const postgres: TestPostgres = await startPostgres()
  const { url } = await postgres.createDatabase({ template })
  const dataSource = await createDataSource({ url, poolSize: options.poolSize ?? 10 }).initialize()
  return {
    url,
    dataSource,
    database: new Database(dataSource),
    close: async () => {
      await dataSource.destroy()
      await postgres.close()
    },
  }
}
