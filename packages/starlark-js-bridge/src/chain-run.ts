import type { Chain, ChainResult, JsonValue, RunResult, ScriptError } from './bridge-contract.js'
import type { BridgeLimits } from './bridge-limits.js'
import type { WorkerPool } from './worker-pool.js'
import type { Death, EngineProblem, EngineResult, WorkerJob } from './worker-protocol.js'

/** Some chains of a call that share one instance; `index` is their place in the call. */
interface Batch {
  chains: { index: number; chain: Chain }[]
}

const isYaegi = (chain: Chain): boolean => chain.steps.some((step) => step.engine === 'yaegi')

/**
 * Which chains share an instance, and with it the decoded input. Starlark and templates can leave nothing behind. A Go program can, so
 * that it only ever comes last: the first of them closes the shared batch, each other one has an instance of its own.
 */
export function batchesOf(chains: readonly Chain[]): Batch[] {
  const numbered = chains.map((chain, index) => ({ index, chain }))
  const harmless = numbered.filter(({ chain }) => !isYaegi(chain))
  const [last, ...others] = numbered.filter(({ chain }) => isYaegi(chain))
  const shared = last === undefined ? harmless : [...harmless, last]
  return [...(shared.length === 0 ? [] : [{ chains: shared }]), ...others.map((each) => ({ chains: [each] }))]
}

/** The job's head as the engines read it. */
export function jobHeader(limits: BridgeLimits, job: Record<string, unknown>): string {
  const { steps, maxOutputBytes, maxDepth, maxPrintLines, numbers, seed } = limits
  return JSON.stringify({ limits: { steps, maxOutputBytes, maxDepth, maxPrintLines }, numbers, seed, ...job })
}

/** A problem with the engine and script that it belongs to. */
export function scriptError(problem: EngineProblem, fallback: { engine: ScriptError['engine']; name: string }): ScriptError {
  const { kind, engine, script, message, line, column, trace } = problem
  return {
    kind,
    engine: engine ?? fallback.engine,
    script: script ?? fallback.name,
    message,
    ...(line === undefined ? {} : { line }),
    ...(column === undefined ? {} : { column }),
    ...(trace === undefined ? {} : { trace }),
  }
}

/** One call of `runChains`: its batches, and what is run again when an instance dies. */
export class ChainRun {
  private readonly results: (ChainResult | undefined)[]
  private readonly prints: string[][]
  private readonly cancels = new Set<() => void>()
  private settle: { resolve: (results: ChainResult[]) => void; reject: (error: unknown) => void } | undefined

  constructor(
    private readonly pool: WorkerPool,
    private readonly limits: BridgeLimits,
    private readonly shared: string | Uint8Array,
    private readonly chains: readonly Chain[],
  ) {
    this.results = chains.map(() => undefined)
    this.prints = chains.map(() => [])
  }

  start(): Promise<ChainResult[]> {
    return new Promise((resolve, reject) => {
      this.settle = { resolve, reject }
      if (this.chains.length === 0) resolve([])
      for (const batch of batchesOf(this.chains)) this.submit(batch)
    })
  }

  /** Ends what runs and waits. */
  cancel(reason: unknown): void {
    const { settle } = this
    this.settle = undefined
    for (const cancel of this.cancels) cancel()
    this.cancels.clear()
    settle?.reject(reason)
  }

  private submit(batch: Batch): void {
    if (this.settle === undefined) return
    let startedMs = performance.now()
    let cancel = (): void => undefined
    try {
      const ticket = this.pool.submit(
        this.jobOf(batch),
        {
          print: (index, line) => this.prints[index]?.push(line),
          finish: (index, result, output, ms) => {
            startedMs = performance.now()
            this.finish(index, result, output, ms)
          },
          died: (death) => {
            this.cancels.delete(cancel)
            this.bury(batch, death, performance.now() - startedMs)
          },
          done: () => this.cancels.delete(cancel),
        },
        (error) => this.cancel(error),
      )
      cancel = () => ticket.cancel()
      this.cancels.add(cancel)
    } catch (error) {
      this.cancel(error)
    }
  }

  private jobOf({ chains }: Batch): WorkerJob {
    return {
      header: jobHeader(this.limits, { operation: 'run', chains: chains.map(({ index, chain }) => ({ index, steps: chain.steps })) }),
      shared: this.shared,
      own: chains.map(({ chain }) => chain.own ?? ''),
      nowMs: this.limits.now(),
    }
  }

  private finish(index: number, result: EngineResult, output: string, ms: number): void {
    const prints = this.prints[index] ?? []
    if (result.error === undefined) {
      const success: RunResult = { ok: true, output: JSON.parse(output) as JsonValue, outputText: output, prints, steps: result.steps, ms }
      this.answer(index, success)
    } else {
      const [step] = this.chains[index]?.steps ?? []
      this.answer(index, { ok: false, error: scriptError(result.error, step ?? { engine: 'starlark', name: '' }), prints, ms })
    }
  }

  private answer(index: number, result: RunResult): void {
    this.results[index] = { ...result, name: this.chains[index]?.name ?? '' }
    if (this.results.every((each) => each !== undefined)) this.settle?.resolve(this.results as ChainResult[])
  }

  /** The instance died in one chain. Those behind it have not begun; each is run alone, and so is the one that may have suffered from those before it. */
  private bury(batch: Batch, death: Death, ms: number): void {
    const open = batch.chains.filter(({ index }) => this.results[index] === undefined)
    const [suspect, ...others] = open
    if (suspect === undefined) return
    const isFirst = suspect === batch.chains[0]
    const mayBeInnocent = !isFirst && (death.kind === 'memory' || death.kind === 'crash')
    if (mayBeInnocent) {
      this.prints[suspect.index] = []
      this.submit({ chains: [suspect] })
    } else {
      const step = suspect.chain.steps[death.at?.chain === suspect.index ? death.at.step : 0] ?? { engine: 'starlark' as const, name: '' }
      const error: ScriptError = { kind: death.kind, engine: step.engine, script: step.name, message: death.message }
      this.answer(suspect.index, { ok: false, error, prints: this.prints[suspect.index] ?? [], ms })
    }
    for (const each of others) this.submit({ chains: [each] })
  }
}
