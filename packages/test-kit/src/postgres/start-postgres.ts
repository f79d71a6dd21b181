import { leaseSharedPostgres } from './shared-postgres.js'
import { createTestDatabase, type DatabaseTemplate, type TestDatabase } from './test-database.js'

/** A PostgreSQL server for tests. */
export interface TestPostgres {
  /** Address of an administrative database, with credentials. */
  url: string
  /** `existing` when `DATABASE_URL` names it, else the embedded one that all test processes share. */
  kind: 'embedded' | 'existing'
  /** A database of the caller's own: a clone of the template (tens of milliseconds), or an empty one. */
  createDatabase(options?: { template?: DatabaseTemplate }): Promise<TestDatabase>
  /** Gives the server back, and drops the databases made through this object where nobody else would. */
  close(): Promise<void>
}

/**
 * A real, durable PostgreSQL 18 for tests. The first caller on this machine starts it, others share it, and it ends a few
 * seconds after the last of them closed or died. With `DATABASE_URL` set, databases are made on that server instead.
 */
export async function startPostgres(environment: NodeJS.ProcessEnv = process.env): Promise<TestPostgres> {
  const existingUrl = environment.DATABASE_URL
  const lease = existingUrl ? undefined : await leaseSharedPostgres()
  const url = lease?.url ?? existingUrl
  if (!url) throw new Error('neither an existing nor an embedded PostgreSQL has an address')
  const databases = new Set<TestDatabase>()
  return {
    url,
    kind: lease ? 'embedded' : 'existing',
    createDatabase: async ({ template } = {}) => {
      const database = await createTestDatabase(url, template)
      databases.add(database)
      return database
    },
    close: async () => {
      try {
        // A drop waits for a checkpoint, seconds on a slow disk; the embedded server drops what is left when it next starts.
        if (!lease) for (const database of databases) await database.drop()
      } finally {
        databases.clear()
        lease?.release()
      }
    },
  }
}
