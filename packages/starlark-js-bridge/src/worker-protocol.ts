import type { ScriptEngine, ScriptErrorKind } from './bridge-contract.js'
import type { WasmModule } from './web-assembly.js'

/** What a worker is started with. */
export interface WorkerSetup {
  module: WasmModule
  memoryMb: number
  seed: number
  http: { port: import('node:worker_threads').MessagePort; signal: SharedArrayBuffer } | undefined
}

/** A problem as the engines write it. */
export interface EngineProblem {
  kind: ScriptErrorKind
  engine?: ScriptEngine
  script?: string
  message: string
  line?: number
  column?: number
  trace?: string
}

/** The head of a chain's result; its output travels beside it. */
export interface EngineResult {
  ok: boolean
  steps: number
  error?: EngineProblem
}

/** One job for one instance. */
export interface WorkerJob {
  /** The job as the engines read it. */
  header: string
  shared: string | Uint8Array
  own: string[]
  nowMs: number
}

/** Why an instance ended in the middle, and in which step of which chain, as far as that is known. */
export interface Death {
  kind: ScriptErrorKind
  message: string
  at?: { chain: number; step: number }
}

/** What a worker tells while it runs. */
export type WorkerMessage =
  | { type: 'ready' }
  | { type: 'print'; chain: number; line: string }
  | { type: 'finish'; chain: number; result: EngineResult; output: string; ms: number }
  /** All chains have finished; the worker makes a new instance and says `ready`. */
  | { type: 'done' }
  /** The instance ended in the middle; the worker is of no more use. */
  | { type: 'died'; death: Death }
