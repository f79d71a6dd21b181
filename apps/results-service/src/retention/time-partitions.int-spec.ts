import { startPostgres, type TestPostgres } from '@pharos/test-kit'
import { DataSource } from 'typeorm'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createResultsDatabase, type ResultsDatabase } from '../database/__tests__/results-database.js'
import { migrations } from '../database/migrations/index.js'
import { PartitionTimeTables1790000000290 } from '../database/migrations/1790000000290-partition-time-tables.js'
import { rows } from '../database/sql.js'
import { EventLog } from '../events/event-log.js'
import { TimePartitions } from './time-partitions.js'

const moment = (text: string) => new Date(`${text}T12:00:00.000Z`)

describe('months of the event log', () => {
  let results: ResultsDatabase
  let months: TimePartitions
  beforeEach(async () => {
    results = await createResultsDatabase()
    months = new TimePartitions(results.database)
  })
  afterEach(() => results.close())

  const write = (at: Date, id: string) =>
    results.database.inTransaction(async (tx) => {
      await tx.query(`insert into event (at, body) values ($1, $2)`, [
        at,
        { type: 'database.activated', engine: 'grype', generationId: `00000000-0000-4000-8000-${id.padStart(12, '0')}` },
      ])
    })
  const places = () =>
    rows<{ place: string; id: string }>(
      results.database.runner,
      `select tableoid::regclass::text as place, right(body ->> 'generationId', 2) as id from event order by xid, id`,
    )

  it('are made ahead; rows that came before their month move into it, and are read in the same order', async () => {
    await write(moment('2031-05-31'), '1')
    await write(moment('2031-04-01'), '2')
    await write(moment('2031-05-01'), '3')
    expect((await places()).map(({ place }) => place)).toEqual(['event_default', 'event_default', 'event_default'])
    await Promise.all([months.prepare(moment('2031-04-15')), new TimePartitions(results.database).prepare(moment('2031-04-15'))])
    await write(moment('2031-06-30'), '4')
    expect(await places()).toEqual([
      { place: 'event_2031_05', id: '01' },
      { place: 'event_2031_04', id: '02' },
      { place: 'event_2031_05', id: '03' },
      { place: 'event_2031_06', id: '04' },
    ])
    const log = new EventLog(results.database, { eventsWritten: () => undefined } as never)
    const read = await log.read('reader', 3, 'start')
    expect(read.map(({ body }) => 'generationId' in body && body.generationId.slice(-2))).toEqual(['01', '02', '03'])
    await log.acknowledge('reader', read[1]!.cursor)
    expect((await log.read('reader', 10, 'start')).map(({ body }) => 'generationId' in body && body.generationId.slice(-2))).toEqual([
      '03',
      '04',
    ])
  })

  it('go as a whole when all of one has had its time, and the default gives up what is as old', async () => {
    await months.prepare(moment('2031-04-15'))
    for (const [at, id] of [
      ['2031-04-30', '1'],
      ['2031-05-01', '2'],
      ['2001-01-01', '3'],
      ['2099-01-01', '4'],
    ] as const)
      await write(moment(at), id)
    const before = moment('2031-05-20')
    expect(await months.count('event', before)).toBe(2)
    expect(await months.drop('event', before)).toBe(2)
    expect(await places()).toEqual([
      { place: 'event_2031_05', id: '02' },
      { place: 'event_default', id: '04' },
    ])
    expect(await months.count('event', before)).toBe(0)
    expect(await rows(results.database.runner, `select 1 from pg_class where relname = 'event_2031_04'`)).toEqual([])
    // A month that is made again after it went is no error.
    await months.prepare(moment('2031-04-15'))
    await months.prepare(moment('2031-04-15'))
  })
})

describe('the migration to months', () => {
  let postgres: TestPostgres
  afterAll(() => postgres.close())

  it('keeps rows, their order, their indexes and their numbering', async () => {
    postgres = await startPostgres()
    const { url } = await postgres.createDatabase()
    const before = migrations.filter((migration) => migration !== PartitionTimeTables1790000000290)
    const connect = (which: typeof migrations) =>
      new DataSource({ type: 'postgres', url, migrations: [...which], migrationsTableName: 'schema_migration' }).initialize()
    const former = await connect(before)
    await former.runMigrations({ transaction: 'each' })
    await former.query(`insert into event (at, body) select now() - n * interval '20 days', to_jsonb(n) from generate_series(1, 60) n`)
    await former.query(
      `insert into finding_event (finding_id, image_id, kind, cause, run_id, at) select gen_random_uuid(), n, 'appeared', 'scan', gen_random_uuid(), now() from generate_series(1, 3) n`,
    )
    const state = (source: DataSource) =>
      Promise.all([
        rows(source.manager, 'select xid::text as xid, id, at, body from event order by xid, id'),
        rows(source.manager, 'select * from finding_event order by id'),
        rows(
          source.manager,
          `select indexname, replace(indexdef, 'ON ONLY', 'ON') as definition from pg_indexes where tablename in ('event', 'finding_event') and indexname !~ '_pkey$' order by 1`,
        ),
      ])
    const expected = await state(former)
    expect(expected[2].length).toBeGreaterThanOrEqual(3)
    await former.destroy()
    const later = await connect(migrations)
    await later.runMigrations({ transaction: 'each' })
    expect(await state(later)).toEqual(expected)
    await later.query(
      `insert into finding_event (finding_id, image_id, kind, cause, run_id, at) values (gen_random_uuid(), 9, 'gone', 'scan', gen_random_uuid(), now())`,
    )
    expect(await rows(later.manager, 'select id from finding_event order by id desc limit 1')).toEqual([{ id: '4' }])
    await expect(
      later.query(
        `insert into finding_event (finding_id, image_id, kind, cause, run_id, at) values (gen_random_uuid(), 9, 'nonsense', 'scan', gen_random_uuid(), now())`,
      ),
    ).rejects.toThrow(/check constraint/)
    await later.destroy()
  })
})
