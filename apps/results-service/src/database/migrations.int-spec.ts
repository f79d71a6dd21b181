import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createResultsDatabase, type ResultsDatabase } from './__tests__/results-database.js'
import { runMigrations } from './run-migrations.js'
import { rows } from './sql.js'

let results: ResultsDatabase
beforeAll(async () => {
  results = await createResultsDatabase()
})
afterAll(() => results.close())

describe('migrations', () => {
  it('have made the tables, and do nothing when they run again', async () => {
    const tables = await rows<{ name: string }>(
      results.database.runner,
      `select tablename as name from pg_tables where schemaname = 'public'`,
    )
    expect(tables.map((table) => table.name)).toEqual(
      expect.arrayContaining(['scan_task', 'scan_run', 'scan_attempt', 'outbox', 'event', 'schedule', 'registry', 'audit_event']),
    )
    expect(await runMigrations(results.dataSource)).toEqual([])
  })

  it('may be started by two replicas at once', async () => {
    await results.database.runner.query('drop schema public cascade')
    await results.database.runner.query('create schema public')
    const ran = await Promise.all([runMigrations(results.dataSource), runMigrations(results.dataSource)])
    expect(ran.map((names) => names.length > 0).sort()).toEqual([false, true])
  })
})
