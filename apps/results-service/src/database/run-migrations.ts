import type { DataSource } from 'typeorm'

/** Key of the advisory lock that lets one replica migrate at a time. */
const migrationLock = 7_236_451_001

/** Runs what has not run yet and returns the names; several processes may call it at once. */
export async function runMigrations(dataSource: DataSource): Promise<string[]> {
  const runner = dataSource.createQueryRunner()
  try {
    await runner.query('select pg_advisory_lock($1)', [migrationLock])
    const applied = await dataSource.runMigrations()
    return applied.map((migration) => migration.name)
  } finally {
    await runner.query('select pg_advisory_unlock($1)', [migrationLock])
    await runner.release()
  }
}
