import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { pollUntil } from '@pharos/service-kit'
import { registerChild } from '@pharos/test-kit'
import type { ProcessPlan } from '../../../../scripts/lib/supervised-process.mjs'

/** How a process ended: an exit code, or the signal that killed it. */
export type ProcessEnd = number | NodeJS.Signals

/** One service as a real process, in a group of its own so that its scanners can be ended with it. */
export class ServiceProcess {
  private child: ChildProcess | undefined
  private forget: () => void = () => undefined

  constructor(readonly plan: ProcessPlan) {}

  get name(): string {
    return this.plan.name
  }

  /** The pid of the running process. */
  get pid(): number {
    if (this.child?.pid === undefined) throw new Error(`${this.name} was not started`)
    return this.child.pid
  }

  /** Everything that all lives of this service logged. */
  log(): string {
    return readFileSync(this.plan.logPath, 'utf8')
  }

  /** Starts it and waits until it is ready. */
  async start(): Promise<void> {
    const { program, args, cwd, environment, logPath } = this.plan
    mkdirSync(dirname(logPath), { recursive: true })
    const log = openSync(logPath, 'a', 0o600)
    // Only what a service is told counts: nothing of the test runner's own environment.
    const env = { PATH: process.env.PATH, HOME: process.env.HOME, ...environment }
    const child = spawn(program, args, { cwd, env, detached: true, stdio: ['ignore', log, log] })
    closeSync(log)
    await once(child, 'spawn')
    this.child = child
    this.forget = registerChild(this.pid)
    await this.untilReady()
  }

  /** Kills it, and whatever it started, with SIGKILL. */
  async kill(): Promise<void> {
    await this.end('SIGKILL')
  }

  /** Asks it to end with SIGTERM; answers how it ended. */
  async stop(): Promise<ProcessEnd> {
    return this.end('SIGTERM')
  }

  async restart(): Promise<void> {
    await this.kill()
    await this.start()
  }

  private async end(signal: NodeJS.Signals): Promise<ProcessEnd> {
    const { child } = this
    if (child?.pid === undefined) return 0
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit')
      child.kill(signal)
      await exited
    }
    killGroup(child.pid)
    this.forget()
    return child.signalCode ?? child.exitCode ?? 0
  }

  private async untilReady(): Promise<void> {
    const { readyUrl } = this.plan
    if (readyUrl === undefined) return
    await pollUntil(
      async () => {
        if (this.child?.exitCode !== null || this.child.signalCode !== null)
          throw new Error(`${this.name} ended while it started:\n${this.log().slice(-4000)}`)
        return answersOk(readyUrl)
      },
      { timeoutMs: 60_000, what: `${this.name} to be ready (its log: ${this.plan.logPath})` },
    )
  }
}

async function answersOk(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) })
    await response.body?.cancel()
    return response.ok
  } catch {
    // Not listening yet: asked again until the time is over.
    return false
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    // ESRCH: nothing was left of the group.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
