import { spawn } from 'node:child_process'
import { afterEach, describe, expect, it } from 'vitest'
import { endProcess, identifyProcess, isAlive, waitUntil } from '../../packages/test-kit/plain/process-identity.mjs'
import { KeptServer } from './kept-server.mjs'

describe('KeptServer', () => {
  /** @type {KeptServer | undefined} */ let kept
  afterEach(() => kept?.stop())

  it('is started again on the same port when it was killed, and not after its end', async () => {
    /** @type {(number | undefined)[]} */ const ports = []
    /** @type {import('../../packages/test-kit/plain/process-identity.mjs').ProcessIdentity[]} */ const lives = []
    kept = new KeptServer(
      'sample',
      async (port) => {
        const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
        const identity = identifyProcess(child.pid)
        ports.push(port)
        lives.push(identity)
        return { url: 'sample://', port: 4711, identity, stop: () => endProcess(identity) }
      },
      { add: () => {}, remove: () => {} },
    )
    await kept.start()
    process.kill(lives[0].pid, 'SIGKILL')
    expect(await waitUntil(() => lives.length === 2, 60_000)).toBe(true)
    expect(ports).toEqual([undefined, 4711])
    await kept.stop()
    expect(isAlive(lives[1])).toBe(false)
  })
})
