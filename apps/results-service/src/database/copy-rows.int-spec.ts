import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createResultsDatabase, type ResultsDatabase } from './__tests__/results-database.js'
import { CopyRows, copyRows } from './copy-rows.js'
import { rows } from './sql.js'

let results: ResultsDatabase

beforeAll(async () => {
  results = await createResultsDatabase({ poolSize: 1 })
  await results.database.runner.query('create table copied (id int8 primary key, code int2, hash uuid, body text)')
})
beforeEach(() => results.database.runner.query('truncate copied'))
afterAll(() => results.close())

const statement = 'copy copied (id, code, hash, body) from stdin (format binary)'
const hash = '00ff7f80-0102-0304-0506-0708090a0b0c'
const hashCharacters = Buffer.from(hash.replaceAll('-', ''), 'hex').toString('latin1')

function rowsOf(items: readonly { id: number; body: string | null }[]): CopyRows {
  const bodies = items.map(({ body }) => (body === null ? null : Buffer.from(body)))
  const made = new CopyRows(items.length, 4, items.length * 26 + bodies.reduce((sum, body) => sum + (body?.byteLength ?? 0), 0))
  for (const [position, { id }] of items.entries()) {
    made.begin()
    made.id(id)
    made.code(-2)
    made.characters(hashCharacters)
    made.bytes(bodies[position] ?? null)
  }
  return made
}

const copy = (items: readonly { id: number; body: string | null }[]): Promise<void> =>
  results.database.inTransaction((tx) => copyRows(tx, statement, rowsOf(items)), { retrySerialization: false })

describe('copyRows', () => {
  it('stores what was written: large ids, null, any text', async () => {
    await copy([
      { id: 1, body: 'ü€😀' },
      { id: Number.MAX_SAFE_INTEGER, body: null },
      { id: 2 ** 32, body: '' },
    ])
    expect(await rows(results.database.runner, 'select id, code, hash, body from copied order by id')).toEqual([
      { id: '1', code: -2, hash, body: 'ü€😀' },
      { id: String(2 ** 32), code: -2, hash, body: '' },
      { id: String(Number.MAX_SAFE_INTEGER), code: -2, hash, body: null },
    ])
  })

  it('sends more than fits in one piece', async () => {
    await copy(Array.from({ length: 300 }, (_value, id) => ({ id, body: String(id).repeat(4000) })))
    const [found] = await rows<{ right: string }>(
      results.database.runner,
      `select count(*) filter (where body = repeat(id::text, 4000)) as right from copied`,
    )
    expect(found?.right).toBe('300')
  })

  it('fails as a statement does, stores nothing, and leaves the connection to be used', async () => {
    await copy([{ id: 1, body: null }])
    await expect(
      copy([
        { id: 2, body: null },
        { id: 1, body: null },
      ]),
    ).rejects.toMatchObject({ driverError: { code: '23505' } })
    await copy([{ id: 3, body: null }])
    expect(await rows(results.database.runner, 'select id from copied order by id')).toEqual([{ id: '1' }, { id: '3' }])
  })
})
