import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { killGroup } from './run-record.mjs'
import { warn } from './terminal.mjs'

/**
 * @typedef {object} ProcessPlan
 * @property {string} name
 * @property {string} program
 * @property {string[]} args
 * @property {string} cwd
 * @property {Record<string, string | undefined>} environment
 * @property {string} logPath
 * @property {string} [readyUrl] Answers 200 once the process does its work.
 */

const firstDelayMs = 500
const longestDelayMs = 30_000
/** After this long a process counts as healthy again, and its next restart comes soon. */
const settledMs = 60_000
const readyTimeoutMs = 60_000
const logLimitBytes = 50 * 1024 * 1024

/** One service: started, watched, started again with a growing delay when it ends by itself, and ended in order. */
export class SupervisedProcess {
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #child
  #isEnding = false
  #delayMs = firstDelayMs
  /** @type {NodeJS.Timeout | undefined} */
  #restart

  /**
   * @param {ProcessPlan} plan
   * @param {{ add(name: string, pid: number): void, remove(name: string): void }} record
   */
  constructor(plan, record) {
    this.plan = plan
    this.record = record
  }

  /** Starts it and waits until it is ready; fails with the end of its log when it ends before that. */
  async start() {
    await this.#spawn()
    await this.#untilReady()
    this.#watch()
  }

  /** Asks it to end, and kills it when it takes longer than `graceMs`. @param {number} graceMs */
  async stop(graceMs) {
    this.#isEnding = true
    clearTimeout(this.#restart)
    const child = this.#child
    if (!child || child.pid === undefined) return
    if (child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
      await ended
      clearTimeout(timer)
    }
    killGroup(child.pid)
    this.record.remove(this.plan.name)
  }

  /** The last lines of its log that say something to a person. */
  lastWords() {
    const lines = readFileSync(this.plan.logPath, 'utf8').trimEnd().split('\n').map(readable)
    const important = lines.filter((line) => line.isImportant)
    return (important.length > 0 ? important : lines)
      .slice(-8)
      .map((line) => `    ${line.text}`)
      .join('\n')
  }

  async #spawn() {
    const { name, program, args, cwd, environment, logPath } = this.plan
    mkdirSync(dirname(logPath), { recursive: true })
    keepOneOldLog(logPath)
    const log = openSync(logPath, 'a', 0o600)
    // A group of its own: a terminal's Ctrl-C must not reach it before its turn, and its own children can be ended with it.
    const child = spawn(program, args, { cwd, env: { ...process.env, ...environment }, detached: true, stdio: ['ignore', log, log] })
    closeSync(log)
    await new Promise((resolve, reject) => child.once('spawn', () => resolve(undefined)).once('error', reject))
    this.#child = child
    this.record.add(name, /** @type {number} */ (child.pid))
  }

  async #untilReady() {
    const { name, readyUrl, logPath } = this.plan
    const deadline = Date.now() + readyTimeoutMs
    while (readyUrl !== undefined) {
      if (this.#child?.exitCode !== null || this.#child.signalCode !== null)
        throw new Error(`${name} ended while it started (${howItEnded(this.#child)}):\n${this.lastWords()}\n  Its log: ${logPath}`)
      if (await answersOk(readyUrl)) return
      if (Date.now() > deadline)
        throw new Error(`${name} was not ready within ${readyTimeoutMs / 1000} s:\n${this.lastWords()}\n  Its log: ${logPath}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  #watch() {
    const startedMs = Date.now()
    const child = this.#child
    const onExit = () => {
      if (this.#isEnding || child === undefined) return
      if (child.pid !== undefined) killGroup(child.pid)
      if (Date.now() - startedMs > settledMs) this.#delayMs = firstDelayMs
      warn(
        `${this.plan.name} ended by itself (${howItEnded(child)}) and starts again in ${this.#delayMs / 1000} s; its log: ${this.plan.logPath}`,
      )
      this.#restart = setTimeout(() => {
        this.#spawn().then(
          () => this.#watch(),
          (error) => warn(`${this.plan.name} could not be started again: ${error.message}`),
        )
      }, this.#delayMs)
      this.#delayMs = Math.min(this.#delayMs * 2, longestDelayMs)
    }
    if (child?.exitCode !== null || child.signalCode !== null) onExit()
    else child.once('exit', onExit)
  }
}

/** @param {import('node:child_process').ChildProcess | undefined} child */
function howItEnded(child) {
  return child?.signalCode ? `signal ${child.signalCode}` : `exit code ${child?.exitCode}`
}

/** @param {string} url */
async function answersOk(url) {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) })
    await response.body?.cancel()
    return response.ok
  } catch {
    // Not listening yet, or too busy to answer: asked again until the time is over.
    return false
  }
}

/** @param {string} path */
function keepOneOldLog(path) {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  if (size > logLimitBytes) renameSync(path, `${path}.old`)
}

/** @param {string} line @returns {{ text: string, isImportant: boolean }} */
function readable(line) {
  try {
    const { level, msg, ...fields } = JSON.parse(line)
    for (const name of ['time', 'pid', 'hostname', 'service', 'traceId', 'spanId']) delete fields[name]
    const isImportant = ['error', 'fatal', 50, 60].includes(level)
    const rest = Object.keys(fields).length > 0 ? ` ${JSON.stringify(fields)}` : ''
    return { text: `${level} ${msg}${rest}`.slice(0, 600), isImportant }
  } catch {
    // Not a log line of ours: Node's own words when a program does not even begin.
    return { text: line.slice(0, 600), isImportant: line.includes('Error') }
  }
}
