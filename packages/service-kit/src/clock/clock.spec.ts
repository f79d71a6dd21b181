import { describe, expect, it } from 'vitest'
import { systemClock } from './clock.js'
import { FakeClock } from './fake-clock.js'
import { PollTimeoutError, pollUntil } from './poll-until.js'

describe('FakeClock', () => {
  it('wakes sleepers in the order of their time, and only when moved', async () => {
    const clock = new FakeClock('2026-11-24T08:00:00Z')
    const woken: string[] = []
    void clock.sleep(200).then(() => woken.push(`late ${clock.now().toISOString()}`))
    void clock.sleep(100).then(() => woken.push(`early ${clock.now().toISOString()}`))
    await clock.advance(99)
    expect(woken).toEqual([])
    await clock.advance(101)
    expect(woken).toEqual(['early 2026-11-24T08:00:00.100Z', 'late 2026-11-24T08:00:00.200Z'])
    expect(clock.sleeping).toBe(0)
  })

  it.each([
    { name: 'fake', clock: new FakeClock() },
    { name: 'system', clock: systemClock },
  ])('rejects an aborted sleep ($name)', async ({ clock }) => {
    const abort = new AbortController()
    const sleep = clock.sleep(60_000, abort.signal)
    abort.abort(new Error('enough'))
    await expect(sleep).rejects.toThrow('enough')
    await expect(clock.sleep(1, abort.signal)).rejects.toThrow('enough')
  })
})

describe('pollUntil', () => {
  it('resolves with the first value that counts', async () => {
    const clock = new FakeClock()
    let calls = 0
    const polled = pollUntil(
      () => {
        calls += 1
        return calls < 3 ? undefined : 'here'
      },
      { clock, intervalMs: 10 },
    )
    await clock.advance(20)
    expect(await polled).toBe('here')
    expect(calls).toBe(3)
  })

  it('takes zero and the empty text as values', async () => {
    expect(await pollUntil(() => 0)).toBe(0)
    expect(await pollUntil(() => '')).toBe('')
  })

  it('gives up when the time is over, naming what it waited for', async () => {
    const clock = new FakeClock()
    const polled = pollUntil(() => false, { clock, intervalMs: 10, timeoutMs: 30, what: 'the row' })
    const rejected = expect(polled).rejects.toThrow(PollTimeoutError)
    await clock.advance(40)
    await rejected
    await expect(polled).rejects.toThrow('the row did not come within 30 ms')
  })

  it('passes an error of the check on', async () => {
    await expect(
      pollUntil(() => {
        throw new Error('broken')
      }),
    ).rejects.toThrow('broken')
  })
})
