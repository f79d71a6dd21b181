import type { EnricherOutcome } from '@pharos/contracts'
import type { EnricherSet } from '@pharos/enrichers'
import { FakeClock } from '@pharos/service-kit'
import { beforeEach, expect, it } from 'vitest'
import { EnricherBreaker } from './enricher-breaker.js'
import type { KeptSet } from './enricher-sets.js'
import { runSet } from './set-run.js'

let clock: FakeClock
let kept: KeptSet
let seen: string[][]
beforeEach(() => {
  clock = new FakeClock()
  const enrichers = ['owner', 'loop', 'age'].map((name) => ({ name, after: name === 'age' ? ['loop'] : [] }))
  kept = { set: { hash: 'h', files: [], enrichers } as unknown as EnricherSet, breaker: new EnricherBreaker(clock) }
  seen = []
})

/** The enricher `loop` never ends. */
async function run(set: EnricherSet): Promise<EnricherOutcome[]> {
  const names = set.enrichers.map(({ name }) => name)
  expect(set.enrichers.every(({ after }) => after.every((name) => names.includes(name)))).toBe(true)
  seen.push(names)
  return names.map((enricher) =>
    enricher === 'loop'
      ? {
          ok: false,
          enricher,
          error: { kind: 'timeout', engine: 'yaegi', script: 'loop/loop.go', message: 'More than 5 s.' },
          prints: [],
          ms: 5000,
        }
      : { ok: true, enricher, data: {}, prints: [], steps: 0, ms: 1 },
  )
}

const once = () => runSet({ run }, kept, '{}', new AbortController().signal)

it('an enricher that never ends is left out after three times, and still has its outcome in its place', async () => {
  for (let round = 0; round < 3; round += 1) await once()
  const outcomes = await once()
  expect(seen).toEqual([...Array<string[]>(3).fill(['owner', 'loop', 'age']), ['owner', 'age']])
  expect(outcomes.map(({ enricher, ok }) => [enricher, ok])).toEqual([
    ['owner', true],
    ['loop', false],
    ['age', true],
  ])
  const until = new Date(clock.nowMs() + 60_000).toISOString()
  expect(outcomes[1]).toMatchObject({ error: { kind: 'timeout', message: expect.stringContaining(until) as string } })
})

it('nothing is run when all rest', async () => {
  kept = { ...kept, set: { ...kept.set, enrichers: kept.set.enrichers.slice(1, 2) } }
  for (let round = 0; round < 4; round += 1) expect(await once()).toHaveLength(1)
  expect(seen).toHaveLength(3)
})
