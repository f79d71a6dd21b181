import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { identifyProcess, isAlive } from '../../packages/test-kit/plain/process-identity.mjs'

describe('RunRecord', () => {
  /** @type {string} */ let directory
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'pharos-run-record-'))
    vi.stubEnv('PHAROS_HOME', directory)
    vi.resetModules()
  })
  afterEach(() => {
    vi.unstubAllEnvs()
    rmSync(directory, { recursive: true })
  })

  /** Runs code in a process that then kills itself, as a cut-off run does. @param {string} code */
  async function inKilledRun(code) {
    const module = new URL('./run-record.mjs', import.meta.url).href
    const child = spawn(
      process.execPath,
      ['--input-type=module', '-e', `import { RunRecord } from ${JSON.stringify(module)}; ${code}; process.kill(process.pid, 'SIGKILL')`],
      { env: { ...process.env, PHAROS_HOME: directory } },
    )
    await new Promise((resolve) => child.once('exit', resolve))
  }

  it('refuses a second run while the first lives', async () => {
    const { RunRecord } = await import('./run-record.mjs')
    const first = await RunRecord.begin()
    expect(await RunRecord.begin()).toEqual({ runningPid: process.pid })
    if ('record' in first) first.record.end()
  })

  it('ends what a killed run left, and takes over its lock', async () => {
    const orphan = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' })
    const identity = identifyProcess(orphan.pid)
    await inKilledRun(`const { record } = await RunRecord.begin(); record.add('sample', ${orphan.pid})`)
    const { RunRecord } = await import('./run-record.mjs')
    const begun = await RunRecord.begin()
    expect(begun).toMatchObject({ ended: ['sample'] })
    expect(isAlive(identity)).toBe(false)
    if ('record' in begun) begun.record.end()
  })

  it('does not touch a process that took the number of an old one', async () => {
    await inKilledRun(`const { record } = await RunRecord.begin(); record.add('sample', process.pid)`)
    const { RunRecord } = await import('./run-record.mjs')
    const begun = await RunRecord.begin()
    expect(begun).toMatchObject({ ended: [] })
    if ('record' in begun) begun.record.end()
  })
})
