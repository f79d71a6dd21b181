/** Names one life of a process: a pid alone is reused by the operating system. */
export interface ProcessIdentity {
  pid: number
  /** When it began, in the operating system's own notation; compared, never parsed. */
  startedAt: string
}

/** The start of a running process, or undefined when no process has that pid. */
export function processStart(pid: number): string | undefined

/** The identity of a running process; throws when it is not running. */
export function identifyProcess(pid?: number): ProcessIdentity

/** Whether this very process, not a later one with its pid, still runs. */
export function isAlive(identity: ProcessIdentity): boolean

/** Sends a signal to a process that may just have ended; answers whether it was there. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean

/** Asks a process to end with `signal` (SIGTERM), and kills it when it has not ended within `graceMs` (10,000). */
export function endProcess(identity: ProcessIdentity, signal?: NodeJS.Signals, graceMs?: number): Promise<void>

/** Polls a condition until it holds (true) or the time is over (false). */
export function waitUntil(condition: () => boolean | Promise<boolean>, timeoutMs: number, intervalMs?: number): Promise<boolean>
