import type { EnricherOutcome, EnricherProblem } from '@pharos/contracts'
import { type Bridge, type BridgeOptions, type BridgeStats, type ChainResult, createBridge } from 'starlark-js-bridge'
import type { Enricher, EnricherSet } from '../format/enricher-set.js'
import { type EnricherSegment, segmentsOf } from './enricher-segments.js'
import { outcomeOf, type SegmentState } from './outcome.js'
import { type FreshContext, withContexts } from './payload-contexts.js'

/** Limits and surroundings of the scripts: those of the bridge. */
export interface RunnerOptions extends BridgeOptions {
  /** What scripts take for the time, in milliseconds since 1970. Default: the time of the call. */
  now?: number | (() => number) | undefined
}

/** Runs sets of enrichers in the sandbox. */
export interface EnricherRunner {
  /** Compiles every script of a set and runs none. */
  validate(set: EnricherSet): Promise<EnricherProblem[]>
  /**
   * Runs all enrichers of a set over the JSON text of a payload and answers in the order of the set. One that fails has its error there
   * and stops no other. Rejects only when the signal aborts or the bridge cannot work (`BridgeError`).
   */
  run(set: EnricherSet, payload: string, signal?: AbortSignal): Promise<EnricherOutcome[]>
  stats(): BridgeStats
  close(): Promise<void>
}

/**
 * Starts the sandbox.
 * @throws BridgeUnavailableError when the engines are not built.
 */
export async function createEnricherRunner(options: RunnerOptions = {}): Promise<EnricherRunner> {
  const now = options.now ?? Date.now
  const bridge = await createBridge({ ...options, now })
  return runnerOver(bridge, typeof now === 'number' ? () => now : now)
}

/** A runner over a bridge that somebody else made and closes. */
export function runnerOver(bridge: Bridge, now: () => number = Date.now): EnricherRunner {
  return {
    validate: (set) => validate(bridge, set),
    run: (set, payload, signal) => new EnricherRun(bridge, set, now, signal).over(payload),
    stats: () => bridge.stats(),
    close: () => bridge.close(),
  }
}

async function validate(bridge: Bridge, set: EnricherSet): Promise<EnricherProblem[]> {
  const scripts = new Map(
    set.enrichers
      .flatMap((enricher) => enricher.steps)
      .flatMap((step) => (step.kind === 'script' ? [[`${step.engine} ${step.name}`, step]] : [])),
  )
  const answers = await Promise.all(
    [...scripts.values()].map(async ({ engine, name, source }) => ({ name, answer: await bridge.validate({ engine, name, source }) })),
  )
  return answers.flatMap(({ name, answer }) => {
    if (answer.ok) return []
    const { line, column, message, kind } = answer.error
    return [
      { file: name, ...(line === undefined ? {} : { line }), ...(column === undefined ? {} : { column }), message: `${kind}: ${message}` },
    ]
  })
}

/** One run of a set over one payload. */
class EnricherRun {
  private readonly outcomes = new Map<string, EnricherOutcome>()

  constructor(
    private readonly bridge: Bridge,
    private readonly set: EnricherSet,
    private readonly now: () => number,
    private readonly signal: AbortSignal | undefined,
  ) {}

  /** Enrichers that read no other's context run together; those that do, when the ones they read have ended. */
  async over(payload: string): Promise<EnricherOutcome[]> {
    let waiting = [...this.set.enrichers]
    while (waiting.length > 0) {
      // Who runs apart from those that it reads (in a test, in the lab) waits for none of them.
      const ready = waiting.filter((one) => !waiting.some((other) => other !== one && one.after.includes(other.name)))
      // Enrichers read only those before them, so somebody is always ready.
      waiting = waiting.filter((one) => !ready.includes(one))
      const contexts = ready.some((one) => one.after.length > 0) ? this.contexts() : []
      await this.runTogether(ready, withContexts(payload, contexts, new Date(this.now())))
    }
    return this.set.enrichers.flatMap((one) => this.outcomes.get(one.name) ?? [])
  }

  private contexts(): FreshContext[] {
    return this.set.enrichers.flatMap(({ name }) => {
      const outcome = this.outcomes.get(name)
      return outcome?.ok ? [{ owner: name, data: outcome.data }] : []
    })
  }

  private async runTogether(enrichers: readonly Enricher[], payload: string): Promise<void> {
    const shared = `{"payload":${payload}}`
    const states: SegmentState[] = enrichers.map((enricher) => ({
      enricher,
      rest: [...segmentsOf(enricher)],
      prints: [],
      steps: 0,
      ms: 0,
      input: shared,
    }))
    // The first segments share one decoded payload; later ones have each an input of their own.
    const first = states.map((state) => this.begin(state))
    const results = await this.bridge.runChains({
      shared,
      chains: states.map((state, index) => chainOf(state.enricher.name, first[index])),
      signal: this.signal,
    })
    await Promise.all(states.map((state, index) => this.goOn(state, results[index])))
  }

  private begin(state: SegmentState): EnricherSegment | undefined {
    const segment = state.rest.shift()
    for (const label of segment?.debug ?? []) state.prints.push(...debugLines(label, state.input))
    return segment
  }

  private async goOn(state: SegmentState, first: ChainResult | undefined): Promise<void> {
    let result = first
    for (;;) {
      if (!result) return
      state.prints.push(...result.prints)
      state.ms += result.ms
      if (result.ok) state.steps += result.steps
      if (!result.ok || state.rest.length === 0) break
      state.input = inputAfter(result.outputText, state.rest[0])
      const segment = this.begin(state)
      if (!segment || segment.scripts.length === 0) break
      const [next] = await this.bridge.runChains({
        shared: state.input,
        chains: [chainOf(state.enricher.name, segment)],
        signal: this.signal,
      })
      result = next
    }
    this.outcomes.set(state.enricher.name, outcomeOf(state, result))
  }
}

function chainOf(name: string, segment: EnricherSegment | undefined) {
  return {
    name,
    own: segment?.meta === undefined ? undefined : `{"meta":${segment.meta}}`,
    steps: segment?.scripts ?? [],
  }
}

/** A file step keeps of what the scripts gave only its payload, as upstream does; a debug step keeps all. */
function inputAfter(output: string, next: EnricherSegment | undefined): string {
  if (next?.meta === undefined) return output
  const value: unknown = JSON.parse(output)
  const payload = typeof value === 'object' && value !== null && 'payload' in value ? value.payload : null
  return `{"payload":${JSON.stringify(payload)}}`
}

const debugLimit = 4000

/** What a debug step shows: the beginning of its input. */
function debugLines(label: string, input: string): string[] {
  const cut = input.length > debugLimit ? `${input.slice(0, debugLimit)}... (${input.length} characters)` : input
  return [`Debug ${label}: ${cut}`]
}
