import type { ScriptFailure } from '@pharos/contracts'
import type { Clock } from '@pharos/service-kit'

/** How an enricher ended, as far as it counts here. */
export interface EnricherEnd {
  readonly enricher: string
  /** null when it ended well. */
  readonly error: ScriptFailure | null
}

/** An enricher that is left out for now. */
export interface EnricherRest {
  /** How it ended last. */
  readonly error: ScriptFailure
  readonly until: Date
}

/** Ends that cost a worker of the sandbox, or all the time that a script has. Other errors are cheap. */
const costlyKinds: ReadonlySet<ScriptFailure['kind']> = new Set(['timeout', 'memory', 'stack', 'steps', 'crash'])
const endsInARow = 3
const firstRestMs = 60_000
const longestRestMs = 3_600_000

/**
 * Leaves an enricher out that ends in a costly way again and again: an endless loop would take its whole time with each of
 * ten thousand images, and the others' time with it. After its rest it is tried once; if it ends so again, it rests twice as long.
 */
export class EnricherBreaker {
  private readonly troubled = new Map<string, { inARow: number; restMs: number; untilMs: number; error: ScriptFailure }>()

  constructor(private readonly clock: Clock) {}

  /** null for an enricher that is to be run. */
  restOf(enricher: string): EnricherRest | null {
    const trouble = this.troubled.get(enricher)
    if (trouble === undefined || trouble.untilMs <= this.clock.nowMs()) return null
    return { error: trouble.error, until: new Date(trouble.untilMs) }
  }

  record({ enricher, error }: EnricherEnd): void {
    if (error === null || !costlyKinds.has(error.kind)) {
      this.troubled.delete(enricher)
      return
    }
    const nowMs = this.clock.nowMs()
    const trouble = this.troubled.get(enricher) ?? { inARow: 0, restMs: firstRestMs / 2, untilMs: 0, error }
    // What was under way beside the one that brought the rest says nothing new.
    if (trouble.untilMs > nowMs) return
    trouble.inARow += 1
    trouble.error = error
    if (trouble.inARow >= endsInARow) {
      trouble.restMs = Math.min(longestRestMs, trouble.restMs * 2)
      trouble.untilMs = nowMs + trouble.restMs
    }
    this.troubled.set(enricher, trouble)
  }
}
