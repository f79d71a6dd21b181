import type { EventBody } from '@pharos/contracts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createResultsDatabase, type ResultsDatabase } from '../database/__tests__/results-database.js'
import { newId } from '../database/identifier.js'
import { Database, type Transaction } from '../database/transaction.js'
import type { EventBroadcast } from './event-broadcast.js'
import { EventLog } from './event-log.js'

let results: ResultsDatabase
let log: EventLog
let wakes = 0
beforeAll(async () => {
  results = await createResultsDatabase({ poolSize: 20 })
  const broadcast: Pick<EventBroadcast, 'eventsWritten'> = {
    eventsWritten: () => {
      wakes += 1
    },
  }
  log = new EventLog(results.database, broadcast as EventBroadcast)
})
afterAll(() => results.close())

const event = (generationId: string): EventBody => ({ type: 'database.activated', generationId, engine: 'grype' })
const idOf = (body: EventBody) => (body.type === 'database.activated' ? body.generationId : '')

/** A transaction that writes an event and commits when it is told to. */
async function openWriter(id: string): Promise<{ commit: () => Promise<void> }> {
  let release: () => void = () => undefined
  const isReleased = new Promise<void>((resolve) => {
    release = resolve
  })
  let written: () => void = () => undefined
  const isWritten = new Promise<void>((resolve) => {
    written = resolve
  })
  const committed = new Database(results.dataSource).inTransaction(async (tx: Transaction) => {
    await log.append(tx, [event(id)])
    written()
    await isReleased
  })
  await isWritten
  return {
    commit: async () => {
      release()
      await committed
    },
  }
}

describe('the event log', () => {
  it('shows a row that commits late before those that a reader has not seen, never behind its cursor', async () => {
    await log.read('late', 10, 'now')
    const [slow, fast] = [newId(), newId()]
    const slowWriter = await openWriter(slow)
    const fastWriter = await openWriter(fast)
    await fastWriter.commit()
    // The fast one is committed, but an older transaction may still write in front of it.
    expect(await log.read('late', 10, 'now')).toEqual([])
    await slowWriter.commit()
    const seen = await log.read('late', 10, 'now')
    expect(seen.map((entry) => idOf(entry.body))).toEqual([slow, fast])
  })

  it('loses nothing to a reader that acknowledges while writers commit out of order', async () => {
    await log.read('busy', 1, 'now')
    const expected: string[] = []
    const seen: string[] = []
    const readAll = async () => {
      for (;;) {
        const batch = await log.read('busy', 7, 'now')
        if (batch.length === 0) return
        seen.push(...batch.map((entry) => idOf(entry.body)))
        await log.acknowledge('busy', batch.at(-1)!.cursor)
      }
    }
    for (let round = 0; round < 12; round += 1) {
      const ids = Array.from({ length: 6 }, () => newId())
      expected.push(...ids)
      const writers = []
      for (const id of ids) writers.push(await openWriter(id))
      for (const position of [3, 0, 5, 1, 4, 2]) {
        await writers[position]!.commit()
        await readAll()
      }
    }
    await readAll()
    expect(seen).toHaveLength(expected.length)
    expect([...seen].sort()).toEqual([...expected].sort())
  })

  it('shows nothing of a transaction that was rolled back, and wakes nobody for it', async () => {
    await log.read('rollback', 1, 'now')
    const before = wakes
    await expect(
      results.database.inTransaction(async (tx) => {
        await log.append(tx, [event(newId())])
        throw new Error('no')
      }),
    ).rejects.toThrow('no')
    expect(await log.read('rollback', 10, 'now')).toEqual([])
    expect(wakes).toBe(before)
    await results.database.inTransaction((tx) => log.append(tx, [event(newId())]))
    expect(wakes).toBe(before + 1)
  })

  it('gives each consumer its own cursor, from the start or from now, and never moves one back', async () => {
    await results.database.inTransaction((tx) => log.append(tx, [event(newId()), event(newId())]))
    const all = await log.read('historian', 1000, 'start')
    expect(all.length).toBeGreaterThanOrEqual(2)
    expect(await log.read('newcomer', 10, 'now')).toEqual([])
    await log.acknowledge('historian', all.at(-1)!.cursor)
    await log.acknowledge('historian', all[0]!.cursor)
    expect(await log.read('historian', 10, 'start')).toEqual([])
    await expect(log.acknowledge('historian', 'x')).rejects.toMatchObject({ code: 'cursor-invalid' })
    await expect(log.acknowledge('nobody', all[0]!.cursor)).rejects.toMatchObject({ code: 'not-found' })
  })
})
