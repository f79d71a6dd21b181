import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { pollUntil } from '@pharos/service-kit'
import { registerChild } from '@pharos/test-kit'
import type { ProcessPlan } from '../../scripts/lib/supervised-process.mjs'

const graceMs = 10_000

/** A running service, in a process group of its own so that its engines end with it. */
export interface ServiceProcess {
  name: string
  pid: number
  stop(): Promise<void>
}

/** Starts a service and waits until it is ready. Its environment is the plan's alone. */
export async function startService(plan: ProcessPlan): Promise<ServiceProcess> {
  mkdirSync(dirname(plan.logPath), { recursive: true })
  const log = openSync(plan.logPath, 'a', 0o600)
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, ...plan.environment }
  const child = spawn(plan.program, plan.args, { cwd: plan.cwd, env, detached: true, stdio: ['ignore', log, log] })
  closeSync(log)
  await once(child, 'spawn')
  const pid = child.pid ?? 0
  const forget = registerChild(pid)
  const stop = async (): Promise<void> => {
    await end(child)
    forget()
  }
  try {
    await untilReady(plan, child)
  } catch (error) {
    await stop()
    throw error
  }
  return { name: plan.name, pid, stop }
}

async function untilReady({ name, readyUrl, logPath }: ProcessPlan, child: ChildProcess): Promise<void> {
  if (readyUrl === undefined) return
  await pollUntil(
    async () => {
      if (hasEnded(child)) throw new Error(`${name} ended while it started:\n${readFileSync(logPath, 'utf8').slice(-4000)}`)
      return answersOk(readyUrl)
    },
    { timeoutMs: 60_000, what: `${name} to be ready` },
  )
}

async function end(child: ChildProcess): Promise<void> {
  if (!hasEnded(child)) {
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
    await exited
    clearTimeout(timer)
  }
  try {
    process.kill(-(child.pid ?? 0), 'SIGKILL')
  } catch (error) {
    // ESRCH: nothing was left of the group.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
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
