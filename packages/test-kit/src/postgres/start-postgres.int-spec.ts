import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startPostgres, type TestPostgres } from './start-postgres.js'

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

describe('startPostgres', () => {
  let postgres: TestPostgres
  beforeAll(async () => {
    postgres = await startPostgres()
  })
  afterAll(() => postgres.close())

  it('runs durably', async () => {
    const [row] = await query(postgres.url, `select current_setting('fsync') fsync, current_setting('synchronous_commit') sync`)
    expect(row).toEqual({ fsync: 'on', sync: 'on' })
  })

  it('gives each test a database of its own', async () => {
    const [first, second] = await Promise.all([postgres.createDatabase(), postgres.createDatabase()])
    await query(first.url, 'create table only_here (id int)')
    expect(await query(second.url, `select to_regclass('only_here') as found`)).toEqual([{ found: null }])
  })

  it('builds a template once for all who ask at the same time, and clones what it holds', async () => {
    let builds = 0
    const template = {
      key: `spec ${process.pid} ${Date.now()}`,
      build: async (url: string) => {
        builds += 1
        await query(url, 'create table seeded as select 7 as value')
      },
    }
    const clones = await Promise.all([1, 2, 3].map(() => postgres.createDatabase({ template })))
    expect(builds).toBe(1)
    for (const clone of clones) expect(await query(clone.url, 'select value from seeded')).toEqual([{ value: 7 }])
  })

  it('leaves no half-built template when building fails', async () => {
    const key = `broken ${process.pid} ${Date.now()}`
    await expect(postgres.createDatabase({ template: { key, build: () => Promise.reject(new Error('no')) } })).rejects.toThrow('no')
    const clone = await postgres.createDatabase({
      template: { key, build: async (url) => void (await query(url, 'create table whole ()')) },
    })
    expect(await query(clone.url, `select to_regclass('whole')::text as found`)).toEqual([{ found: 'whole' }])
  })

  it('shares one server between all who lease it', async () => {
    const other = await startPostgres()
    expect(other.url).toBe(postgres.url)
    await other.close()
    expect(await query(postgres.url, 'select 1 as one')).toEqual([{ one: 1 }])
  })
})
