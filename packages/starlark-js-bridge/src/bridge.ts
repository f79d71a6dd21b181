import { readFile } from 'node:fs/promises'
import {
  JsonText,
  type Bridge,
  type BridgeOptions,
  type BridgeStats,
  type Chain,
  type ChainResult,
  type ChainsRequest,
  type JsonValue,
  type RunRequest,
  type RunResult,
  type ScriptError,
  type ScriptStep,
  type TextRequest,
  type TextResult,
  type ValidateResult,
} from './bridge-contract.js'
import { BridgeUnavailableError } from './bridge-error.js'
import { limitsOf, type BridgeLimits } from './bridge-limits.js'
import { ChainRun, jobHeader, scriptError } from './chain-run.js'
import { createHttpGate } from './http-gate.js'
import { RunCounts } from './run-counts.js'
import { limitMemory } from './wasm-memory.js'
import { webAssembly, type WasmModule } from './web-assembly.js'
import { WorkerPool } from './worker-pool.js'
import type { EngineResult, WorkerJob } from './worker-protocol.js'

const enginesFile = new URL('../dist/engines.wasm', import.meta.url)

async function compileEngines(memoryMb: number): Promise<WasmModule> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(enginesFile)
  } catch (error) {
    throw new BridgeUnavailableError('the engines are not built: install Go and build the package starlark-js-bridge', { cause: error })
  }
  return webAssembly.compile(limitMemory(bytes, memoryMb))
}

/**
 * Compiles the engines and starts the workers.
 * @throws BridgeUnavailableError when the engines are not built or no worker starts, RangeError for an option that is out of its range.
 */
export async function createBridge(options: BridgeOptions = {}): Promise<Bridge> {
  const limits = limitsOf(options)
  const httpGate = options.http === undefined ? undefined : createHttpGate(options.http)
  const module = await compileEngines(limits.memoryMb)
  const { memoryMb, seed, timeoutMs } = limits
  const pool = new WorkerPool(limits.workers, { module, memoryMb, seed, timeoutMs, httpGate }, limits.queueLimit)
  try {
    await pool.ready
  } catch (error) {
    await pool.close()
    throw error
  }
  // Whatever becomes of it: a bridge that is closed at once has nothing to warm for.
  if (options.warmUp !== false) new ChainRun(pool, limits, WARM_UP_INPUT, WARM_UP).start().catch(() => undefined)
  return new PooledBridge(pool, limits)
}

const WARM_UP_INPUT = '{"list":[{"name":"a","number":1}]}'
const WARM_UP: readonly Chain[] = [
  { engine: 'starlark' as const, source: 'def enrich(input):\n    return {"x": [e.name for e in input.list if matches("a", e.name)]}\n' },
  { engine: 'template' as const, source: 'x: {{ filter "name" "startsWith" "a" .list | map "field" "number" | first | toYaml }}\n' },
  {
    engine: 'yaegi' as const,
    source:
      'import ("fmt"; "strings")\nfunc enrich(in map[string]interface{}) map[string]interface{} {\n\treturn map[string]interface{}{"x": strings.ToUpper(fmt.Sprint(len(in)))}\n}\n',
  },
].map((step) => ({ name: 'warm-up', steps: [{ name: 'warm-up', ...step }] }))

/** JSON text of an input, or why there is none. */
function textOf(input: JsonValue | JsonText): { text: string | Uint8Array } | { problem: string } {
  if (input instanceof JsonText) return { text: input.text }
  try {
    const text = JSON.stringify(input) as string | undefined
    return text === undefined ? { problem: 'the input is no JSON value' } : { text }
  } catch (error) {
    return { problem: `the input is no JSON value: ${error instanceof Error ? error.message : String(error)}` }
  }
}

/** What a job of one chain gave. */
type Single = { result: EngineResult; output: string } | { death: Pick<ScriptError, 'kind' | 'message'> }

class PooledBridge implements Bridge {
  private readonly counts = new RunCounts()

  constructor(
    private readonly pool: WorkerPool,
    private readonly limits: BridgeLimits,
  ) {}

  async run({ engine, name, source, input, signal }: RunRequest): Promise<RunResult> {
    const given = textOf(input)
    if ('problem' in given) {
      const result: RunResult = { ok: false, error: { kind: 'input', engine, script: name, message: given.problem }, prints: [], ms: 0 }
      this.counts.add(engine, result)
      return result
    }
    const [first] = await this.runChains({ shared: given.text, chains: [{ name, steps: [{ engine, name, source }] }], signal })
    if (first === undefined) throw new BridgeUnavailableError('a run has no result')
    const { name: _name, ...result } = first
    return result
  }

  async runChains({ shared, chains, signal }: ChainsRequest): Promise<ChainResult[]> {
    signal?.throwIfAborted()
    for (const chain of chains) if (chain.steps.length === 0) throw new RangeError(`the chain ${chain.name} has no steps`)
    const run = new ChainRun(this.pool, this.limits, shared, chains)
    const abort = (): void => run.cancel(signal?.reason)
    signal?.addEventListener('abort', abort, { once: true })
    try {
      const results = await run.start()
      for (const [index, result] of results.entries()) this.counts.add(chains[index]?.steps.at(-1)?.engine ?? 'starlark', result)
      return results
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }

  async validate(script: ScriptStep): Promise<ValidateResult> {
    const single = await this.single({ operation: 'validate', chains: [{ index: 0, steps: [script] }] }, '')
    if ('death' in single) return { ok: false, error: { ...single.death, engine: script.engine, script: script.name } }
    return single.result.error === undefined ? { ok: true } : { ok: false, error: scriptError(single.result.error, script) }
  }

  async renderText({ templates, root, data, functions, signal }: TextRequest): Promise<TextResult> {
    const fallback = { engine: 'template' as const, name: root }
    const given = textOf(data)
    if ('problem' in given) return { ok: false, error: { kind: 'input', engine: 'template', script: root, message: given.problem } }
    const startedMs = performance.now()
    const text = { templates: templates.map((each) => ({ engine: 'template', ...each })), root, functions }
    const single = await this.single({ operation: 'text', chains: [], text }, given.text, signal)
    const ms = performance.now() - startedMs
    const answered: TextResult =
      'death' in single
        ? { ok: false, error: { ...single.death, engine: 'template', script: root } }
        : single.result.error === undefined
          ? { ok: true, text: single.output }
          : { ok: false, error: scriptError(single.result.error, fallback) }
    this.counts.add('text', answered.ok ? { ok: true, ms } : { ok: false, ms, error: answered.error })
    return answered
  }

  stats(): BridgeStats {
    const { waiting, total, busy, idle, replaced } = this.pool.counts
    return {
      ...this.counts.read(),
      workers: { total, busy, idle, replaced },
      queueLength: waiting,
      queueSeconds: this.pool.waitedMs / 1000,
    }
  }

  close(): Promise<void> {
    return this.pool.close()
  }

  private single(job: Record<string, unknown>, shared: string | Uint8Array, signal?: AbortSignal): Promise<Single> {
    signal?.throwIfAborted()
    const work: WorkerJob = {
      header: jobHeader(this.limits, job),
      shared,
      own: [],
      nowMs: this.limits.now(),
    }
    return new Promise<Single>((resolve, reject) => {
      const settled = (): void => signal?.removeEventListener('abort', abort)
      const ticket = this.pool.submit(
        work,
        {
          print: () => undefined,
          finish: (_chain, result, output) => resolve({ result, output }),
          died: ({ kind, message }) => {
            settled()
            resolve({ death: { kind, message } })
          },
          done: settled,
        },
        (error) => {
          settled()
          reject(error instanceof Error ? error : new Error(String(error)))
        },
      )
      function abort(): void {
        ticket.cancel()
        reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted'))
      }
      signal?.addEventListener('abort', abort, { once: true })
    })
  }
}
