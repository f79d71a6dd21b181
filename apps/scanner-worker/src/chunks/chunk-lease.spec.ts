import { PharosError } from '@pharos/contracts'
import { FakeClock, pollUntil } from '@pharos/service-kit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ChunkLease, type ChunkLeaseAnswer } from './chunk-lease.js'

const leaseMs = 60_000

let clock: FakeClock
let end: AbortController
let answer: () => Promise<ChunkLeaseAnswer>
let renewals: number
let lease: ChunkLease
beforeEach(() => {
  clock = new FakeClock()
  end = new AbortController()
  renewals = 0
  answer = () => Promise.resolve({ continue: true, leaseMs })
  const renew = (): Promise<ChunkLeaseAnswer> => {
    renewals += 1
    return answer()
  }
  lease = new ChunkLease(renew, leaseMs, clock, end.signal)
  lease.start()
})
afterEach(() => lease.stop())

const beat = async (): Promise<void> => {
  const before = renewals
  await clock.advance(leaseMs / 3)
  await pollUntil(() => renewals > before)
}

describe('the lease of a chunk', () => {
  it('is renewed every third of it, and keeps the work going', async () => {
    for (let round = 0; round < 5; round += 1) await beat()
    expect(renewals).toBe(5)
    expect(lease.signal.aborted).toBe(false)
  })

  it.each([
    ['it is another worker’s or the work rests', () => Promise.resolve({ continue: false, leaseMs })],
    ['what it is part of is gone', () => Promise.reject(new PharosError('not-found', 'gone'))],
  ])('stops the work when %s', async (_sentence, next: () => Promise<ChunkLeaseAnswer>) => {
    answer = next
    await beat()
    await pollUntil(() => lease.signal.aborted)
    expect(renewals).toBe(1)
  })

  it('stops the work after a whole lease without an answer, not before', async () => {
    answer = () => Promise.reject(new PharosError('upstream-unavailable', 'away'))
    await beat()
    await beat()
    expect(lease.signal.aborted).toBe(false)
    await beat()
    await pollUntil(() => lease.signal.aborted)
  })

  it('stops the work when the worker ends', () => {
    end.abort()
    expect(lease.signal.aborted).toBe(true)
  })
})
