import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { pollUntil } from '@pharos/service-kit'
import { buildSampleImage } from '@pharos/test-kit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WorkerFixture } from '../__tests__/worker-fixture.js'

let fixture: WorkerFixture
const children: ChildProcess[] = []

beforeAll(async () => {
  fixture = await WorkerFixture.start()
})
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  await fixture.close()
})

/** Processes whose command line names this folder: engines of the fixture's workers. */
async function enginesOf(home: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))
  return lines.filter((line) => line.includes(`${home}/tools/bin/engine.mjs`))
}

describe('a worker that is killed in the middle of a scan', () => {
  it('leaves no engine behind, and the next worker removes its files and ends the next attempt well', async () => {
    const image = await buildSampleImage('alpine')
    const hanging = fixture.task({ reference: fixture.registry.add('team/hang', '1', image) })
    const child = spawn(
      process.execPath,
      [fileURLToPath(new URL('../__tests__/run-worker.mjs', import.meta.url)), ...fixture.flags(), '--port', '0'],
      { stdio: 'ignore', env: { PATH: process.env['PATH'] } },
    )
    children.push(child)
    await fixture.enqueue(hanging.job)
    await pollUntil(
      () => {
        if (child.exitCode !== null) throw new Error('the worker ended by itself')
        return fixture.results.of('progress', hanging.attemptId).some(({ body }) => (body as { phase: string }).phase === 'catalogue')
      },
      { timeoutMs: 60_000 },
    )
    await pollUntil(async () => (await fixture.scanFolders()).length === 1)
    child.kill('SIGKILL')
    await once(child, 'exit')
    await pollUntil(async () => (await enginesOf(fixture.home)).length === 0, { what: 'the end of its engine' })
    expect(await fixture.scanFolders()).toHaveLength(1)

    // Results-service has noticed that the lease is over: there is a second attempt.
    const second = fixture.task({ reference: fixture.registry.add('team/app', '1', image) })
    await fixture.startWorker()
    expect(await fixture.scanFolders()).toEqual([])
    await fixture.enqueue({ ...second.job, attempt: 2 })
    await fixture.called('report', second.attemptId)
    expect(fixture.results.of('report', hanging.attemptId)).toEqual([])
  }, 600_000)
})
