import { isDeepStrictEqual } from 'node:util'
import type { ContextDifference, EnricherOutcome, ScriptFailure } from '@pharos/contracts'

/** A stored context of a subject. */
export interface StoredContext {
  readonly owner: string
  /** null while the enricher has never succeeded. */
  readonly data: Record<string, unknown> | null
  readonly error: ScriptFailure | null
}

/** What one enricher's outcome does to its context. */
export interface ContextChange {
  readonly owner: string
  readonly kind: ContextDifference['kind'] | 'unchanged'
  readonly before: Record<string, unknown> | null
  /** null when it is removed; of a failed one the last good data. */
  readonly after: Record<string, unknown> | null
  readonly error: ScriptFailure | null
}

/**
 * What outcomes do to the stored contexts of their subject: a good one replaces its context, a failed one keeps the last good data
 * and says so, and a context whose enricher is not in the set any more goes. In the order of the enrichers' names.
 */
export function changesOf(stored: readonly StoredContext[], outcomes: readonly EnricherOutcome[]): ContextChange[] {
  const before = new Map(stored.map((context) => [context.owner, context]))
  const changes = new Map<string, ContextChange>()
  for (const outcome of outcomes) {
    const data = before.get(outcome.enricher)?.data ?? null
    changes.set(
      outcome.enricher,
      outcome.ok
        ? { owner: outcome.enricher, kind: kindOf(data, outcome.data), before: data, after: outcome.data, error: null }
        : { owner: outcome.enricher, kind: 'failed', before: data, after: data, error: outcome.error },
    )
  }
  for (const { owner, data } of stored) {
    if (!changes.has(owner))
      changes.set(owner, { owner, kind: data === null ? 'unchanged' : 'removed', before: data, after: null, error: null })
  }
  return [...changes.values()].sort((one, other) => (one.owner < other.owner ? -1 : 1))
}

/** The order of keys says nothing, and JSON knows no negative zero. */
function kindOf(before: Record<string, unknown> | null, after: Record<string, unknown>): 'added' | 'changed' | 'unchanged' {
  if (before === null) return 'added'
  return isDeepStrictEqual(before, JSON.parse(JSON.stringify(after))) ? 'unchanged' : 'changed'
}
