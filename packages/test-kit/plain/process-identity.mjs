// Plain JavaScript: the scripts of the repository use this before anything is built.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/**
 * @typedef {object} ProcessIdentity Names one life of a process: a pid alone is reused by the operating system.
 * @property {number} pid
 * @property {string} startedAt When it began, in the operating system's own notation; compared, never parsed.
 */

/**
 * The start of a running process, or undefined when no process has that pid.
 * @param {number} pid
 * @returns {string | undefined}
 */
export function processStart(pid) {
  try {
    if (process.platform === 'linux') {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      // The command's name may hold spaces and brackets; the fields begin after the last bracket.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return fields[0] === 'Z' ? undefined : fields[19]
    }
    const started = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    return started.trim().replace(/\W+/g, '_') || undefined
  } catch {
    // Both sources fail in the same way for the one reason that matters here: there is no such process.
    return undefined
  }
}

/**
 * The identity of a running process; throws when it is not running.
 * @param {number} [pid]
 * @returns {ProcessIdentity}
 */
export function identifyProcess(pid = process.pid) {
  const startedAt = processStart(pid)
  if (startedAt === undefined) throw new Error(`process ${pid} is not running`)
  return { pid, startedAt }
}

/**
 * Whether this very process, not a later one with its pid, still runs.
 * @param {ProcessIdentity} identity
 */
export function isAlive(identity) {
  return processStart(identity.pid) === identity.startedAt
}

/**
 * Sends a signal to a process that may just have ended; answers whether it was there.
 * @param {ProcessIdentity} identity
 * @param {NodeJS.Signals} signal
 */
export function signalProcess(identity, signal) {
  if (!isAlive(identity)) return false
  try {
    return process.kill(identity.pid, signal)
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ESRCH') return false
    throw error
  }
}

/**
 * Asks a process to end with `signal`, and kills it when it has not ended within `graceMs`.
 * @param {ProcessIdentity} identity
 * @param {NodeJS.Signals} [signal]
 * @param {number} [graceMs]
 */
export async function endProcess(identity, signal = 'SIGTERM', graceMs = 10_000) {
  if (!signalProcess(identity, signal)) return
  if (await waitUntil(() => !isAlive(identity), graceMs)) return
  signalProcess(identity, 'SIGKILL')
  await waitUntil(() => !isAlive(identity), 5_000)
}

/**
 * Polls a condition until it holds (true) or the time is over (false).
 * @param {() => boolean | Promise<boolean>} condition
 * @param {number} timeoutMs
 * @param {number} [intervalMs]
 */
export async function waitUntil(condition, timeoutMs, intervalMs = 20) {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    if (await condition()) return true
    if (Date.now() >= deadline) return false
    await new Promise((resolve) => setTimeout(resolve, intervalMs))
  }
}
