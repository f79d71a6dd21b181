import { WasiShim } from './wasi-shim.js'
import { webAssembly, type WasmImports, type WasmMemory, type WasmModule } from './web-assembly.js'
import type { EngineResult, WorkerJob } from './worker-protocol.js'

/** Where an instance sends what its scripts do. */
export interface InstanceEvents {
  print(chain: number, line: string): void
  finish(chain: number, result: EngineResult, output: string, ms: number): void
  /** Sends a request that a script makes, and waits for the answer; both are JSON text. */
  fetch(request: Uint8Array): Uint8Array
}

interface EngineExports {
  memory: WasmMemory
  _initialize(): void
  alloc(length: number): number
  limit(memoryBytes: number, stackBytes: number, growthPercent: number): void
  run(at: number, length: number): void
}

/** Go collects garbage when the heap has grown by so much: most runs end before the first time. */
const GROWTH_PERCENT = 400
/** A goroutine's stack; deeper recursion is a script's mistake, and is told before memory runs out. */
const STACK_SHARE = 0.25

const encoder = new TextEncoder()
// A text may begin with a byte order mark, which is then its own.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** One instance of the engines. It serves one job: goroutines, globals and garbage of a script end with it. */
export class EngineInstance {
  private readonly shim = new WasiShim()
  private readonly exports: EngineExports
  private startedMs = 0
  /** What runs, or ran last. */
  running = { chain: 0, step: 0 }

  constructor(
    module: WasmModule,
    memoryMb: number,
    private readonly seed: number,
    private readonly events: InstanceEvents,
  ) {
    // The runtime starts from chance too: the order of its maps hangs on it.
    this.shim.surround({ nowMs: 0, seed })
    const instance = new webAssembly.Instance(module, { wasi_snapshot_preview1: this.shim.imports, bridge: this.bridgeImports() })
    this.exports = instance.exports as unknown as EngineExports
    this.shim.attach(this.exports.memory)
    this.exports._initialize()
    const memoryBytes = memoryMb * 1024 * 1024
    this.exports.limit(Math.floor(memoryBytes * 0.8), Math.floor(memoryBytes * STACK_SHARE), GROWTH_PERCENT)
  }

  get errorText(): string {
    return this.shim.errorText
  }

  run(job: WorkerJob): void {
    this.shim.surround({ nowMs: job.nowMs, seed: this.seed })
    const parts = [
      encoder.encode(job.header),
      typeof job.shared === 'string' ? encoder.encode(job.shared) : job.shared,
      ...job.own.map((text) => encoder.encode(text)),
    ]
    const length = parts.reduce((sum, part) => sum + 4 + part.length, 0)
    const start = this.exports.alloc(length) >>> 0
    const { buffer } = this.exports.memory
    const bytes = new Uint8Array(buffer)
    const view = new DataView(buffer)
    let at = start
    for (const part of parts) {
      view.setUint32(at, part.length, true)
      bytes.set(part, at + 4)
      at += 4 + part.length
    }
    this.exports.run(start, length)
  }

  private text(at: number, length: number): string {
    return decoder.decode(this.slice(at, length))
  }

  private slice(at: number, length: number): Uint8Array {
    return new Uint8Array(this.exports.memory.buffer, at >>> 0, length >>> 0)
  }

  private bridgeImports(): WasmImports {
    let fetched: Uint8Array = new Uint8Array()
    return {
      begin: (chain: number, step: number) => {
        this.running = { chain, step }
        if (step > 0) return
        this.shim.reseed(this.seed)
        this.startedMs = performance.now()
      },
      print: (chain: number, at: number, length: number) => this.events.print(chain, this.text(at, length)),
      finish: (chain: number, headerAt: number, headerLength: number, at: number, length: number) => {
        const ms = performance.now() - this.startedMs
        this.events.finish(chain, JSON.parse(this.text(headerAt, headerLength)) as EngineResult, this.text(at, length), ms)
      },
      fetch: (at: number, length: number) => {
        fetched = this.events.fetch(this.slice(at, length).slice())
        return fetched.length
      },
      fetched: (at: number) => new Uint8Array(this.exports.memory.buffer).set(fetched, at >>> 0),
    }
  }
}
