import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { lockHolder, takeLock } from '../../packages/test-kit/plain/lock-file.mjs'
import { endProcess, identifyProcess, isAlive } from '../../packages/test-kit/plain/process-identity.mjs'
import { inHome } from './places.mjs'

/** @typedef {import('../../packages/test-kit/plain/process-identity.mjs').ProcessIdentity} ProcessIdentity */

const lockPath = inHome('run', 'start.lock')
const recordPath = inHome('run', 'processes.json')

/**
 * What one run of `npm start` started. The record on disk is for the next run: if this one is killed, the next ends what it left.
 */
export class RunRecord {
  /** @type {Map<string, ProcessIdentity>} */
  #processes = new Map()
  #release

  /** @param {() => void} release */
  constructor(release) {
    this.#release = release
  }

  /**
   * Takes the run for this process, and ends what a killed run left behind.
   * @returns {Promise<{ record: RunRecord, ended: string[] } | { runningPid: number }>}
   */
  static async begin() {
    const release = await takeLock(lockPath, 500)
    if (!release) return { runningPid: lockHolder(lockPath)?.pid ?? 0 }
    const left = readRecord().filter(([, identity]) => isAlive(identity))
    await Promise.all(left.map(([, identity]) => endProcess(identity, 'SIGTERM', 8_000)))
    for (const [, { pid }] of left) killGroup(pid)
    return { record: new RunRecord(release), ended: left.map(([name]) => name) }
  }

  /** Notes a started process. @param {string} name @param {number} pid */
  add(name, pid) {
    this.#processes.set(name, identifyProcess(pid))
    this.#write()
  }

  /** Forgets a process that ended. @param {string} name */
  remove(name) {
    this.#processes.delete(name)
    this.#write()
  }

  /** Gives the run back: everything that was noted has ended. */
  end() {
    rmSync(recordPath, { force: true })
    this.#release()
  }

  #write() {
    mkdirSync(inHome('run'), { recursive: true })
    writeFileSync(`${recordPath}.new`, JSON.stringify([...this.#processes]), { mode: 0o600 })
    renameSync(`${recordPath}.new`, recordPath)
  }
}

/** Ends what is left of a process group whose leader has ended, e.g. a worker's scanners. @param {number} pid */
export function killGroup(pid) {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    // ESRCH: nothing was left. EPERM: the number belongs to somebody else's group by now.
    const { code } = /** @type {NodeJS.ErrnoException} */ (error)
    if (code !== 'ESRCH' && code !== 'EPERM') throw error
  }
}

/** @returns {[string, ProcessIdentity][]} */
function readRecord() {
  try {
    return JSON.parse(readFileSync(recordPath, 'utf8'))
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return []
    throw error
  }
}
