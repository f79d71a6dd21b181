import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { pollUntil } from '../clock/poll-until.js'

const runner = fileURLToPath(new URL('../__tests__/run-typescript.mjs', import.meta.url))
const tinyService = fileURLToPath(new URL('../__tests__/tiny-service.ts', import.meta.url))
const children: ChildProcess[] = []

interface Running {
  readonly child: ChildProcess
  readonly lines: Record<string, unknown>[]
  readonly stderr: () => string
  readonly exited: Promise<number | null>
}

function start(flags: string[], env: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, [runner, tinyService, ...flags], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.push(child)
  const lines: Record<string, unknown>[] = []
  let stderr = ''
  let rest = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    for (const part of parts) if (part.startsWith('{')) lines.push(JSON.parse(part) as Record<string, unknown>)
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  // 'close' and not 'exit': only then everything that it printed has been read.
  return { child, lines, stderr: () => stderr, exited: once(child, 'close').then(([code]) => code as number | null) }
}

function line(running: Running, message: string): Promise<Record<string, unknown>> {
  return pollUntil(
    () => {
      if (running.child.exitCode !== null) throw new Error(`the service ended before "${message}": ${running.stderr()}`)
      return running.lines.find((entry) => entry['message'] === message)
    },
    { what: `the line "${message}"`, timeoutMs: 90_000 },
  )
}

const keys = ['--service-keys', `scanner-worker=${'w'.repeat(32)}`]

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
  }
})

describe('the life of a service', () => {
  it('answers what is in flight after SIGTERM, closes and exits 0', async () => {
    const running = start([...keys, '--port', '0', '--log-format', 'json', '--shutdown-grace=60s'])
    const { address } = await line(running, 'service listening')
    const inFlight = fetch(`${String(address)}/greetings/slow/1000`)
    await line(running, 'slow started')
    running.child.kill('SIGTERM')
    expect(await (await inFlight).json()).toEqual({ done: true })
    expect(await running.exited).toBe(0)
    expect(running.lines.at(-1)).toMatchObject({ message: 'service ended', outcome: 'drained', service: 'tiny' })
  })

  it('refuses readiness while it delays its end', async () => {
    const running = start([...keys, '--log-format', 'json', '--shutdown-delay', '5m'])
    const { address } = await line(running, 'service listening')
    running.child.kill('SIGTERM')
    await line(running, 'service draining')
    const ready = await fetch(`${String(address)}/readyz`)
    expect([ready.status, await ready.json()]).toEqual([503, { status: 'draining', checks: [] }])
    running.child.kill('SIGTERM')
    expect(await running.exited).toBe(143)
  })

  it('exits 1 when the grace time is over', async () => {
    const running = start([...keys, '--log-format', 'json', '--shutdown-grace', '50ms'])
    const { address } = await line(running, 'service listening')
    const inFlight = fetch(`${String(address)}/greetings/slow/60000`).catch(() => 'cut')
    await line(running, 'slow started')
    running.child.kill('SIGTERM')
    expect(await running.exited).toBe(1)
    expect(await inFlight).toBe('cut')
    expect(running.lines.at(-1)).toMatchObject({ message: 'service ended', outcome: 'grace-exceeded' })
  })

  it('exits at once on a second signal', async () => {
    const running = start([...keys, '--log-format', 'json', '--shutdown-grace', '60s'])
    const { address } = await line(running, 'service listening')
    const inFlight = fetch(`${String(address)}/greetings/slow/60000`).catch(() => 'cut')
    await line(running, 'slow started')
    running.child.kill('SIGINT')
    await line(running, 'service draining')
    running.child.kill('SIGINT')
    expect(await running.exited).toBe(130)
    await inFlight
  })

  it('reports all problems of its parameters at once and exits 1, without their secrets', async () => {
    const running = start(['--prot', '1', '--service-keys', 'worker=tooshort'], { PHAROS_LOG_LEVEL: 'loud' })
    expect(await running.exited).toBe(1)
    expect(running.stderr()).toContain('3 problems')
    expect(running.stderr()).toContain('did you mean --port?')
    expect(running.stderr()).toContain('--log-level must be one of debug, info, warn, error (given "loud"), from PHAROS_LOG_LEVEL')
    expect(running.stderr()).not.toContain('tooshort')
  })
})
