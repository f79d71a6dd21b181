import type { HttpOptions } from './http-options.js'

/** A value as JSON has it. Objects keep the order of their keys. */
export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue }

/** An input that is JSON text already: it goes to the engine as it stands, without a detour through JavaScript values. */
export class JsonText {
  constructor(readonly text: string | Uint8Array) {}
}

/** `template` is Go's text/template with sprig. */
export type ScriptEngine = 'starlark' | 'template' | 'yaegi'

/**
 * Why a script failed.
 * syntax: it does not compile. contract: it has no `enrich`, or a wrong one. runtime: it failed while running. steps, timeout, memory,
 * stack, output: it went over that limit. input: what it was given is no JSON, or too deep. network: it asked for what the allow-list does
 * not hold, and let the error pass. crash: the engine itself ended (a deadlock, a panic in a goroutine).
 */
export type ScriptErrorKind =
  | 'syntax'
  | 'contract'
  | 'runtime'
  | 'steps'
  | 'timeout'
  | 'memory'
  | 'stack'
  | 'output'
  | 'input'
  | 'network'
  | 'crash'

/** Where and why a script failed. Lines and columns count from 1; `trace` is the engine's own, outermost call first. */
export interface ScriptError {
  kind: ScriptErrorKind
  engine: ScriptEngine
  /** The name that the caller gave the script. */
  script: string
  message: string
  line?: number
  column?: number
  trace?: string
}

/** A script with the name that its errors carry. */
export interface ScriptStep {
  engine: ScriptEngine
  name: string
  source: string
}

/** One run of one script. */
export interface RunRequest extends ScriptStep {
  input: JsonValue | JsonText
  /** Ends the run; the call then rejects with the signal's reason. */
  signal?: AbortSignal | undefined
}

/** What a script that ended well gave. */
export interface RunSuccess {
  ok: true
  output: JsonValue
  /** The output as the engine wrote it: whole numbers beyond 2^53 are exact in it, and only in it. */
  outputText: string
  /** What the script printed, a line each, cut at the bridge's limit. */
  prints: string[]
  /** Steps of the Starlark interpreter; 0 for the other engines, which count none. */
  steps: number
  /** Time in the engine, in milliseconds. */
  ms: number
}

/** A script that failed, with what it had printed. */
export interface RunFailure {
  ok: false
  error: ScriptError
  prints: string[]
  ms: number
}

export type RunResult = RunSuccess | RunFailure

/** Scripts of which each gets the output of the one before. */
export interface Chain {
  name: string
  /** Text of a JSON object that is laid over the shared one at the top level. */
  own?: string | undefined
  steps: readonly ScriptStep[]
}

/** Several chains over one input, which is decoded once. */
export interface ChainsRequest {
  /** Text of a JSON object. */
  shared: string | Uint8Array
  chains: readonly Chain[]
  signal?: AbortSignal | undefined
}

export type ChainResult = RunResult & { name: string }

export type ValidateResult = { ok: true } | { ok: false; error: ScriptError }

/** Templates by name, of which `root` is executed; the others are there for it to include. The result is text. */
export interface TextRequest {
  templates: readonly { name: string; source: string }[]
  root: string
  data: JsonValue | JsonText
  /** alertmanager: its functions and its data, with their methods (`.Alerts.Firing`, `.CommonLabels.SortedPairs`). sprig: those of enrichers. */
  functions: 'alertmanager' | 'sprig'
  signal?: AbortSignal | undefined
}

export type TextResult = { ok: true; text: string } | { ok: false; error: ScriptError }

/** Limits and surroundings of every run. Each has a default that fits enrichers. */
export interface BridgeOptions {
  /** Worker threads, each with one run at a time. Default: 2, or 1 on a machine with one core. */
  workers?: number | undefined
  /** Time of one script chain, from its start in a worker. Default 5,000. */
  timeoutMs?: number | undefined
  /** Memory of one run, the engine's own (about 16 MB) included. Default 256, at most 2,048. */
  memoryMb?: number | undefined
  /** Steps of a Starlark chain. Default 10,000,000, about two seconds. */
  steps?: number | undefined
  /** Length of an output as JSON or text. Default 4 MiB. */
  maxOutputBytes?: number | undefined
  /** Depth of inputs and outputs. Default 200. */
  maxDepth?: number | undefined
  /** Lines that are kept of what a script prints. Default 100. */
  maxPrintLines?: number | undefined
  /**
   * auto: whole numbers are ints in Starlark, and a template's eq, ne, lt, le, gt, ge compare ints with floats. float: every number is a
   * float64 as encoding/json gives it, which is what upstream Pharos does. Yaegi programs get float64 in both.
   */
  numbers?: 'auto' | 'float' | undefined
  /** The only way to the network; left out, there is none. */
  http?: HttpOptions | undefined
  /** Runs that may wait for a worker; one more is refused with a `BridgeBusyError`. Default 1,000. */
  queueLimit?: number | undefined
  /** What scripts take for the time, in milliseconds since 1970. Default 0: a result must not depend on when it was made unless the caller says so. */
  now?: number | (() => number) | undefined
  /** Runs a small script of each engine as soon as the pool has started, so that the first real one finds compiled code. Default true. */
  warmUp?: boolean | undefined
  /** Where scripts' randomness starts. The same seed gives the same numbers. Default 1. */
  seed?: number | undefined
}

/** Plain numbers, to be turned into metrics by whoever has some. Counters count from the bridge's start. */
export interface BridgeStats {
  runs: Record<ScriptEngine | 'text', { succeeded: number; failed: number; seconds: number }>
  /** Failures by kind. */
  failures: Partial<Record<ScriptErrorKind, number>>
  workers: { total: number; busy: number; idle: number; replaced: number }
  queueLength: number
  /** Time that jobs waited for a worker, in seconds. */
  queueSeconds: number
}

/** The engines behind a pool of workers. */
export interface Bridge {
  run(request: RunRequest): Promise<RunResult>
  /**
   * Runs chains over one input and answers in their order. No chain sees what another did to the input. When a run of several chains dies,
   * those that had not ended are run again, each alone, so that only the culprit fails.
   */
  runChains(request: ChainsRequest): Promise<ChainResult[]>
  /** Compiles without running, and looks for `enrich`. */
  validate(script: ScriptStep): Promise<ValidateResult>
  renderText(request: TextRequest): Promise<TextResult>
  stats(): BridgeStats
  /** Ends the workers. What runs or waits is rejected with a `BridgeClosedError`. */
  close(): Promise<void>
}
