import { Worker } from 'node:worker_threads'
import { BridgeUnavailableError } from './bridge-error.js'
import type { GateConnection, HttpGate } from './http-gate.js'
import type { WasmModule } from './web-assembly.js'
import type { Death, EngineResult, WorkerJob, WorkerMessage, WorkerSetup } from './worker-protocol.js'

/** What happens to a job in its worker. */
export interface JobEvents {
  print(chain: number, line: string): void
  finish(chain: number, result: EngineResult, output: string, ms: number): void
  /** The instance ended before all chains had finished. */
  died(death: Death): void
  /** All chains have finished. */
  done(): void
}

/** What each slot needs to start a worker. */
export interface SlotOptions {
  module: WasmModule
  memoryMb: number
  seed: number
  timeoutMs: number
  httpGate: HttpGate | undefined
}

/** Deep enough for ten thousand calls of a script; what goes deeper ends as `stack` or `memory`. */
const STACK_MB = 16
/** The worker's own JavaScript heap: a job's texts. The engines' memory has its own limit. */
const HEAP_MB = 192
const START_TIMEOUT_MS = 60_000
const STARTS = 3

/** The worker's entry is JavaScript on disk, also when this file runs from its source. */
const entry = new URL('../dist/engine-worker.js', import.meta.url)

/** One worker thread, replaced when a job kills it. */
export class WorkerSlot {
  private worker: Worker
  private job: JobEvents | undefined
  private timer: NodeJS.Timeout | undefined
  private isReady = false
  private isClosed = false
  private failedStarts = 0
  private connection: GateConnection | undefined
  replaced = 0
  /** Set by the pool: this slot can take a job. */
  onIdle: () => void = () => undefined
  /** Set by the pool: no worker starts here any more. */
  onBroken: (error: Error) => void = () => undefined

  constructor(private readonly options: SlotOptions) {
    this.worker = this.start()
  }

  get isIdle(): boolean {
    return this.isReady && this.job === undefined && !this.isClosed
  }

  get isBusy(): boolean {
    return this.job !== undefined
  }

  run(job: WorkerJob, events: JobEvents): void {
    this.job = events
    this.worker.ref()
    this.connection?.reset()
    this.restartTimer()
    this.worker.postMessage(job)
  }

  /** Ends the job that runs, by ending the worker. */
  kill(): void {
    if (this.job === undefined) return
    this.job = undefined
    this.replace()
  }

  async close(): Promise<void> {
    this.isClosed = true
    clearTimeout(this.timer)
    this.job = undefined
    // Whoever awaits the end must live to see it, though an idle worker keeps nothing alive.
    this.worker.ref()
    await this.worker.terminate()
  }

  private start(): Worker {
    this.isReady = false
    const connection = this.options.httpGate?.open()
    this.connection = connection
    const setup: WorkerSetup = {
      module: this.options.module,
      memoryMb: this.options.memoryMb,
      seed: this.options.seed,
      http: connection?.forWorker,
    }
    const worker = new Worker(entry, {
      workerData: setup,
      transferList: connection === undefined ? [] : [connection.forWorker.port],
      env: {},
      execArgv: [],
      stdout: true,
      stderr: true,
      resourceLimits: { stackSizeMb: STACK_MB, maxOldGenerationSizeMb: HEAP_MB },
    })
    const startTimer = setTimeout(() => this.fail(worker, 'no worker became ready'), START_TIMEOUT_MS)
    worker.on('message', (message: WorkerMessage) => {
      clearTimeout(startTimer)
      if (worker === this.worker) this.take(message)
    })
    worker.on('error', (error) => this.lost(worker, error))
    worker.on('exit', () => {
      clearTimeout(startTimer)
      connection?.close()
      this.lost(worker, new Error('the worker ended'))
    })
    return worker
  }

  private take(message: WorkerMessage): void {
    switch (message.type) {
      case 'ready':
        this.isReady = true
        this.failedStarts = 0
        // An idle pool keeps no process alive.
        this.worker.unref()
        this.onIdle()
        return
      case 'print':
        this.job?.print(message.chain, message.line)
        return
      case 'finish':
        this.restartTimer()
        this.job?.finish(message.chain, message.result, message.output, message.ms)
        return
      case 'done':
        this.isReady = false
        this.end()?.done()
        return
      case 'died': {
        const job = this.end()
        this.replace()
        job?.died(message.death)
      }
    }
  }

  private end(): JobEvents | undefined {
    clearTimeout(this.timer)
    const { job } = this
    this.job = undefined
    return job
  }

  /** Each chain has the whole time for itself: what a chain before it needed is not taken off. */
  private restartTimer(): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => {
      const job = this.end()
      this.replace()
      job?.died({ kind: 'timeout', message: `the script takes longer than ${this.options.timeoutMs} ms` })
    }, this.options.timeoutMs)
  }

  /** A worker that ended by itself: its JavaScript heap ran out, or its stack in a place where nothing catches. */
  private lost(worker: Worker, error: Error): void {
    if (worker !== this.worker || this.isClosed) return
    const job = this.end()
    if (job === undefined && !this.isReady) {
      this.fail(worker, error.message)
      return
    }
    const isMemory = 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY'
    this.replace()
    job?.died(
      isMemory ? { kind: 'memory', message: 'the script needs more memory than it may have' } : { kind: 'crash', message: error.message },
    )
  }

  /** A worker may fail to start once, e.g. when the machine has no memory to spare at that moment. */
  private fail(worker: Worker, message: string): void {
    if (worker !== this.worker || this.isClosed) return
    this.failedStarts++
    if (this.failedStarts < STARTS) {
      this.replace()
      return
    }
    void worker.terminate()
    this.onBroken(new BridgeUnavailableError(`no worker of the script engines starts: ${message}`))
  }

  private replace(): void {
    clearTimeout(this.timer)
    const former = this.worker
    this.replaced++
    this.worker = this.start()
    void former.terminate()
  }
}
