import type { EnricherOutcome } from '@pharos/contracts'
import type { ChainResult, JsonValue } from 'starlark-js-bridge'
import type { Enricher } from '../format/enricher-set.js'
import type { EnricherSegment } from './enricher-segments.js'

/** How far an enricher has come. */
export interface SegmentState {
  enricher: Enricher
  /** Segments that have not begun. */
  rest: EnricherSegment[]
  /** Text of what the next segment gets. */
  input: string
  prints: string[]
  steps: number
  /** Time in the engine, in milliseconds. */
  ms: number
}

/** What came of an enricher. Its result must be a map, since it becomes the data of a context. */
export function outcomeOf(state: SegmentState, last: ChainResult): EnricherOutcome {
  const enricher = state.enricher.name
  const { prints, steps, ms } = state
  if (!last.ok) return { enricher, ok: false, error: last.error, prints, ms }
  const data = dataOf(state.enricher, last.output)
  if (typeof data !== 'string') return { enricher, ok: true, data, prints, steps, ms }
  const script = lastScript(state.enricher)
  return {
    enricher,
    ok: false,
    error: { kind: 'output', engine: script?.engine ?? '', script: script?.name ?? '', message: data },
    prints,
    ms,
  }
}

function lastScript(enricher: Enricher) {
  return enricher.steps.findLast((step) => step.kind === 'script')
}

/** The data, or what is wrong with it. */
function dataOf(enricher: Enricher, output: JsonValue): Record<string, JsonValue> | string {
  const engine = lastScript(enricher)?.engine
  if (Array.isArray(output)) return 'the result is a list; an enricher gives a map'
  if (typeof output === 'object' && output !== null) return output
  // A template whose conditions do not hold writes nothing: there is nothing to say of this image.
  if (output === null && engine === 'template') return {}
  if (output === null) return 'the result is nothing; an enricher gives a map, so enrich has to return one on every way'
  return `the result is ${typeof output === 'string' ? 'a text' : `a ${typeof output}`}; an enricher gives a map`
}
