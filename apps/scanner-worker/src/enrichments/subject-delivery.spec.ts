import { EnrichmentResults } from '@pharos/contracts'
import { FakeClock, pollUntil } from '@pharos/service-kit'
import { beforeEach, describe, expect, it } from 'vitest'
import { SubjectDelivery } from './subject-delivery.js'

let clock: FakeClock
let sent: number[][]
let delivery: SubjectDelivery
let send: () => Promise<void>
beforeEach(() => {
  clock = new FakeClock()
  sent = []
  send = () => Promise.resolve()
  delivery = new SubjectDelivery(async ({ text }) => {
    const results = EnrichmentResults.parse(JSON.parse(text))
    if (results.kind === 'subjects') sent.push(results.subjects.map(({ subject }) => subject))
    await send()
  }, clock)
})

const add = (subject: number, size = 0) =>
  delivery.add({
    subject,
    outcomes: [{ ok: true, enricher: 'owner', data: { team: 'x'.repeat(size) }, prints: [], steps: 0, ms: 1 }],
  })

describe('results of a chunk', () => {
  it('are held for half a second, then delivered together', async () => {
    await add(1)
    await clock.advance(499)
    await add(2)
    expect(sent).toEqual([])
    await clock.advance(1)
    await pollUntil(() => sent.length > 0)
    expect(sent).toEqual([[1, 2]])
  })

  it('are delivered at once when they are large', async () => {
    await add(1, 4 * 1024 ** 2)
    expect(sent).toEqual([[1]])
  })

  it('are delivered at the end, and nothing when there are none', async () => {
    await delivery.flush()
    await add(1)
    await delivery.add({ subject: 2, outcomes: null, reason: 'It could not be run.' })
    await delivery.flush()
    await delivery.flush()
    expect(sent).toEqual([[1, 2]])
  })

  it('are not delivered after one that was refused', async () => {
    send = () => Promise.reject(new Error('refused'))
    await add(1)
    await expect(delivery.flush()).rejects.toThrow('refused')
    await add(2)
    await expect(delivery.flush()).rejects.toThrow('refused')
    expect(sent).toEqual([[1]])
  })
})
