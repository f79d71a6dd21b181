import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createResultsDatabase, type ResultsDatabase } from './__tests__/results-database.js'
import { rows } from './sql.js'
import type { Transaction } from './transaction.js'

let results: ResultsDatabase

beforeAll(async () => {
  // One connection, so that each transaction meets what the one before has left on it.
  results = await createResultsDatabase({ poolSize: 1 })
})
afterAll(() => results.close())

const sum = async (tx: Transaction, one: number, other: number): Promise<number> =>
  Number((await rows<{ sum: number }>(tx, 'select $1::int + $2::int as sum', [one, other]))[0]?.sum)

async function preparedTexts(): Promise<string[]> {
  const found = await rows<{ statement: string }>(results.database.runner, 'select statement from pg_prepared_statements order by 1')
  return found.map(({ statement }) => statement)
}

describe('A transaction that prepares its statements', () => {
  it('prepares each text once, and answers by the values of each time', async () => {
    const sums = await results.database.inTransaction(async (tx) => [await sum(tx, 1, 2), await sum(tx, 3, 4)], {
      preparesStatements: true,
    })
    expect(sums).toEqual([3, 7])
    expect(await results.database.inTransaction((tx) => sum(tx, 5, 6), { preparesStatements: true })).toBe(11)
    expect(await preparedTexts()).toEqual(['select $1::int + $2::int as sum'])
  })

  it('leaves what comes after it on the same connection as it was', async () => {
    await results.database.inTransaction((tx) => sum(tx, 1, 2), { preparesStatements: true })
    const before = await preparedTexts()
    await results.database.inTransaction((tx) => tx.query('select $1::int as other', [1]))
    await results.database.runner.query('select $1::int as alone', [1])
    expect(await preparedTexts()).toEqual(before)
  })

  it('leaves it so when its work fails, and the statement can be run again', async () => {
    const divide = (tx: Transaction, by: number): Promise<unknown> => tx.query('select 6 / $1::int as part', [by])
    await expect(results.database.inTransaction((tx) => divide(tx, 0), { preparesStatements: true })).rejects.toThrow('division by zero')
    const before = await preparedTexts()
    await results.database.inTransaction((tx) => tx.query('select $1::int as other', [1]))
    expect(await preparedTexts()).toEqual(before)
    expect(await results.database.inTransaction((tx) => divide(tx, 3), { preparesStatements: true })).toEqual([{ part: 2 }])
  })

  it('does not prepare what returns all columns, whose number a migration may change', async () => {
    const read = (tx: Transaction): Promise<unknown> => tx.query('select subject, c.* from crash_count c where subject = $1', ['nobody'])
    await results.database.inTransaction(read, { preparesStatements: true })
    await results.database.runner.query('alter table crash_count add column later int')
    await expect(results.database.inTransaction(read, { preparesStatements: true })).resolves.toEqual([])
  })
})
