import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Names one life of a process: a pid alone is reused by the operating system. */
export interface ProcessIdentity {
  pid: number
  /** When that process began, in the operating system's own notation; compared, never parsed. */
  startedAt: string
}

/** The start of a running process, or undefined when no process has that pid. */
export function processStart(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      // The command's name may hold spaces and brackets; the fields begin after the last bracket.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return fields[0] === 'Z' ? undefined : fields[19]
    }
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined
  } catch {
    // Both sources fail in the same way for the one reason that matters here: there is no such process.
    return undefined
  }
}

/** The identity of a running process; throws when it is not running. */
export function identifyProcess(pid: number = process.pid): ProcessIdentity {
  const startedAt = processStart(pid)
  if (startedAt === undefined) throw new Error(`process ${pid} is not running`)
  return { pid, startedAt }
}

/** Whether this very process, not a later one with its pid, still runs. */
export function isAlive(identity: ProcessIdentity): boolean {
  return processStart(identity.pid) === identity.startedAt
}

/** Sends a signal to a process that may just have ended; answers whether it was there. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isAlive(identity)) return false
  try {
    return process.kill(identity.pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}

/** Asks a process to end with `signal`, and kills it when it has not ended within `graceMs`. */
export async function endProcess(identity: ProcessIdentity, signal: NodeJS.Signals = 'SIGTERM', graceMs = 10_000): Promise<void> {
  if (!signalProcess(identity, signal)) return
  if (await waitUntil(() => !isAlive(identity), graceMs)) return
  signalProcess(identity, 'SIGKILL')
  await waitUntil(() => !isAlive(identity), 5_000)
}

/** Polls a condition until it holds (true) or the time is over (false). */
export async function waitUntil(condition: () => boolean | Promise<boolean>, timeoutMs: number, intervalMs = 20): Promise<boolean> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    if (await condition()) return true
    if (Date.now() >= deadline) return false
    await new Promise((resolve) => setTimeout(resolve, intervalMs))
  }
}
