import { FakeClock } from '@pharos/service-kit'
import { describe, expect, it } from 'vitest'
import { LeasePatience } from './lease-patience.js'

const leaseMs = 30_000

function patience() {
  const clock = new FakeClock()
  const kept = new LeasePatience(leaseMs, clock)
  let sweeps = 0
  const fail = () => Promise.reject(new Error('the database is away'))
  const sweepFor = async (ms: number, isDown = false) => {
    const work = isDown ? fail : async () => void (sweeps += 1)
    for (let passedMs = 0; passedMs < ms; passedMs += 1000) {
      await kept.sweep(work, isDown ? fail : () => Promise.resolve()).catch(() => undefined)
      await clock.advance(1000)
    }
  }
  return { clock, sweepFor, swept: () => sweeps }
}

describe('the patience with leases', () => {
  it('lets workers be heard for a lease after the start', async () => {
    const { sweepFor, swept } = patience()
    await sweepFor(leaseMs)
    expect(swept()).toBe(0)
    await sweepFor(2000)
    expect(swept()).toBe(2)
  })

  it('lets them be heard again after sweeps that failed', async () => {
    const { sweepFor, swept } = patience()
    await sweepFor(leaseMs + 1000)
    await sweepFor(5000, true)
    await sweepFor(leaseMs)
    expect(swept()).toBe(1)
    await sweepFor(2000)
    expect(swept()).toBe(3)
  })

  it('lets them be heard again after this process stood still', async () => {
    const { clock, sweepFor, swept } = patience()
    await sweepFor(leaseMs + 1000)
    await clock.advance(leaseMs)
    await sweepFor(leaseMs)
    expect(swept()).toBe(1)
  })
})
