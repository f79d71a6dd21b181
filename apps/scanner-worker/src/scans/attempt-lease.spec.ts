import { PharosError } from '@pharos/contracts'
import { FakeClock, silentLogger } from '@pharos/service-kit'
import { describe, expect, it } from 'vitest'
import { AttemptLease } from './attempt-lease.js'

type Answer = { continue: boolean; leaseMs: number } | PharosError

function lease(answer: (beat: number) => Answer) {
  const clock = new FakeClock()
  const beats: { atMs: number; phase: string }[] = []
  const startMs = clock.nowMs()
  const results = {
    progress: (_key: unknown, phase: string) => {
      beats.push({ atMs: clock.nowMs() - startMs, phase })
      const given = answer(beats.length)
      return given instanceof PharosError ? Promise.reject(given) : Promise.resolve(given)
    },
  }
  const made = new AttemptLease(results, { attemptId: 'a', token: 't' }, 30_000, clock, silentLogger())
  made.start()
  return { clock, beats, lease: made }
}

const goOn: Answer = { continue: true, leaseMs: 30_000 }
const away = new PharosError('upstream-unavailable', 'away')

describe('the lease of an attempt', () => {
  it('is renewed every third of its time', async () => {
    const { clock, beats } = lease(() => goOn)
    await clock.advance(35_000)
    expect(beats.map(({ atMs }) => atMs)).toEqual([10_000, 20_000, 30_000])
  })

  it('tells a new phase at once', async () => {
    const { clock, beats, lease: held } = lease(() => goOn)
    held.enter('pull')
    await clock.advance(1)
    expect(beats).toEqual([{ atMs: 0, phase: 'pull' }])
  })

  it.each([
    ['nobody waits any more', { continue: false, leaseMs: 30_000 }, 'cancelled'],
    ['another attempt runs', new PharosError('attempt-superseded', 'x'), 'superseded'],
    ['the attempt is unknown', new PharosError('not-found', 'x'), 'superseded'],
  ] as const)('stops everything when %s', async (_sentence, answer, end) => {
    const { clock, lease: held } = lease(() => answer)
    await clock.advance(10_001)
    expect([held.signal.aborted, held.end]).toEqual([true, end])
  })

  it('lives through a results-service that is away for a while', async () => {
    const { clock, lease: held } = lease((beat) => (beat < 10 ? away : goOn))
    await clock.advance(40_000)
    expect(held.signal.aborted).toBe(false)
  })

  it('is lost when results-service was not heard for its whole time', async () => {
    const { clock, lease: held } = lease(() => away)
    await clock.advance(29_000)
    expect(held.signal.aborted).toBe(false)
    await clock.advance(3_000)
    expect(held.end).toBe('lease-lost')
  })

  it('is silent once it was stopped', async () => {
    const { clock, beats, lease: held } = lease(() => goOn)
    await held.stop()
    held.enter('report')
    await clock.advance(60_000)
    expect(beats).toEqual([])
  })
})
