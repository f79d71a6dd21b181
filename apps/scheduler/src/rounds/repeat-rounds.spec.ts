import { FakeClock, pollUntil } from '@pharos/service-kit'
import { describe, expect, it } from 'vitest'
import { repeatRounds } from './repeat-rounds.js'

describe('rounds', () => {
  it('come again after the interval, also after one that failed, until the end', async () => {
    const clock = new FakeClock()
    const end = new AbortController()
    const failures: unknown[] = []
    let rounds = 0
    const work = async () => {
      rounds += 1
      if (rounds === 1) throw new Error('the first fails')
    }
    const repeated = repeatRounds({ clock, intervalMs: 2000, signal: end.signal, work, onFailure: (error) => failures.push(error) })
    await clock.advance(2000)
    await pollUntil(() => rounds === 2)
    expect(failures).toHaveLength(1)
    end.abort()
    await repeated
    expect(rounds).toBe(2)
  })
})
