import type { EnricherOutcome } from '@pharos/contracts'
import type { EnricherRunner } from '@pharos/enrichers'
import type { EnricherRest } from './enricher-breaker.js'
import type { KeptSet } from './enricher-sets.js'

/**
 * Runs a set on a payload and answers one outcome for each enricher, in their order. One that rests is not run, and fails with
 * the error that it rests for.
 */
export async function runSet(
  runner: Pick<EnricherRunner, 'run'>,
  { set, breaker }: KeptSet,
  payload: string,
  signal: AbortSignal,
): Promise<EnricherOutcome[]> {
  const resting = new Map<string, EnricherOutcome>()
  for (const { name } of set.enrichers) {
    const rest = breaker.restOf(name)
    if (rest !== null) resting.set(name, restingOutcome(name, rest))
  }
  const awake = set.enrichers
    .filter(({ name }) => !resting.has(name))
    .map((enricher) => ({ ...enricher, after: enricher.after.filter((name) => !resting.has(name)) }))
  const ran = awake.length === 0 ? [] : await runner.run({ ...set, enrichers: awake }, payload, signal)
  for (const outcome of ran) breaker.record({ enricher: outcome.enricher, error: outcome.ok ? null : outcome.error })
  const byName = new Map([...resting, ...ran.map((outcome) => [outcome.enricher, outcome] as const)])
  return set.enrichers.flatMap(({ name }) => byName.get(name) ?? [])
}

function restingOutcome(enricher: string, { error, until }: EnricherRest): EnricherOutcome {
  const message = `Not run again before ${until.toISOString()}, since it ended so several times in a row: ${error.message}`
  return { ok: false, enricher, error: { ...error, message }, prints: [], ms: 0 }
}
