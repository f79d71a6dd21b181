import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isAlive, processStart, waitUntil } from '../../packages/test-kit/plain/process-identity.mjs'
import { SupervisedProcess } from './supervised-process.mjs'

describe('SupervisedProcess', () => {
  /** @type {string} */ let directory
  /** @type {{ name: string, pid: number }[]} */ let started
  /** @type {SupervisedProcess | undefined} */ let service
  const record = { add: (/** @type {string} */ name, /** @type {number} */ pid) => void started.push({ name, pid }), remove: () => {} }

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'pharos-supervised-'))
    started = []
    service = undefined
  })
  afterEach(async () => {
    await service?.stop(1_000)
    rmSync(directory, { recursive: true })
  })

  /** @param {string} code @param {string} [readyUrl] */
  function make(code, readyUrl) {
    service = new SupervisedProcess(
      {
        name: 'sample',
        program: process.execPath,
        args: ['-e', code],
        cwd: directory,
        environment: {},
        logPath: join(directory, 'sample.log'),
        ...(readyUrl === undefined ? {} : { readyUrl }),
      },
      record,
    )
    return service
  }

  it('fails with the last words of a process that ends while it starts', async () => {
    await expect(
      make(`console.log(JSON.stringify({ level: 'error', msg: 'database unreachable' })); process.exit(3)`, 'http://127.0.0.1:9/').start(),
    ).rejects.toThrow(/sample ended while it started \(exit code 3\)[^]*database unreachable/)
  })

  it('waits until the process says that it is ready', async () => {
    let asked = 0
    const server = createServer((_request, response) => {
      asked += 1
      response.writeHead(asked < 3 ? 503 : 200).end()
    })
    await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
    await make('setInterval(() => {}, 1000)', `http://127.0.0.1:${port}/readyz`).start()
    server.close()
    expect(asked).toBe(3)
  })

  it('starts a process again that ended by itself', async () => {
    await make('setInterval(() => {}, 1000)').start()
    process.kill(started[0].pid, 'SIGKILL')
    expect(await waitUntil(() => started.length === 2, 60_000)).toBe(true)
    expect(processStart(started[1].pid)).toBeDefined()
  })

  it('ends a process that ignores SIGTERM, and what it started', async () => {
    const code = `const { spawn } = require('node:child_process'); process.on('SIGTERM', () => {}); const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']); console.log(child.pid); setInterval(() => {}, 1000)`
    await make(code).start()
    const log = () => readFileSync(join(directory, 'sample.log'), 'utf8')
    expect(await waitUntil(() => log().includes('\n'), 60_000)).toBe(true)
    const identity = { pid: Number(log()), startedAt: processStart(Number(log())) ?? '' }
    await service?.stop(200)
    expect(await waitUntil(() => !isAlive(identity), 60_000)).toBe(true)
    expect(processStart(started[0].pid)).toBeUndefined()
  })
})
