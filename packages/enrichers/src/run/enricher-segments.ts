import type { ScriptStep } from 'starlark-js-bridge'
import type { Enricher } from '../format/enricher-set.js'
import { jsonTextOf } from '../yaml/yaml-value.js'

/**
 * Steps of an enricher that can run as one chain in the sandbox. What stands between two segments happens here: a file step after a
 * script, whose `meta` goes beside the payload that the script gave back, or a debug step.
 */
export interface EnricherSegment {
  /** Labels of the debug steps before it; they show the input. */
  debug: string[]
  /** JSON text of `meta`; undefined when no file step stands before the scripts. */
  meta: string | undefined
  scripts: ScriptStep[]
}

const known = new WeakMap<Enricher, readonly EnricherSegment[]>()

/**
 * Cuts the steps of an enricher into segments; only the last may be without scripts, when debug steps end the enricher. They are kept with
 * the enricher: a set runs over thousands of payloads, and its files are written as JSON once.
 */
export function segmentsOf(enricher: Enricher): readonly EnricherSegment[] {
  const segments = known.get(enricher) ?? cut(enricher)
  known.set(enricher, segments)
  return segments
}

function cut(enricher: Enricher): EnricherSegment[] {
  const segments: EnricherSegment[] = []
  let debug: string[] = []
  let metas: Extract<Enricher['steps'][number], { kind: 'meta' }>[] = []
  let scripts: ScriptStep[] = []
  const end = (): void => {
    segments.push({ debug, meta: metas.length === 0 ? undefined : metaText(metas, scripts[0]), scripts })
    debug = []
    metas = []
    scripts = []
  }
  for (const step of enricher.steps) {
    if (step.kind !== 'script' && scripts.length > 0) end()
    if (step.kind === 'script') scripts.push({ engine: step.engine, name: step.name, source: step.source })
    else if (step.kind === 'meta') metas.push(step)
    else debug.push(step.label)
  }
  if (scripts.length > 0 || debug.length > 0) end()
  return segments
}

/**
 * Upstream hands the values of YAML to a template as Go has them, where a moment prints as `2027-05-01 00:00:00 +0000 UTC`; its Starlark
 * takes no moment at all. So templates get that text, and the other engines RFC 3339.
 */
function metaText(metas: readonly { ref: string; value: Parameters<typeof jsonTextOf>[0] }[], reader: ScriptStep | undefined): string {
  const times = reader?.engine === 'template' ? 'go' : 'rfc3339'
  const byRef = new Map(metas.map((meta) => [meta.ref, meta.value]))
  return `{${[...byRef].map(([ref, value]) => `${JSON.stringify(ref)}:${jsonTextOf(value, times)}`).join(',')}}`
}
