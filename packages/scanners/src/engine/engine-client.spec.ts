import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { fakeNodeProgram, scratchDirectory } from '../__tests__/fake-program.js'
import { EngineClient, type EngineRestart } from './engine-client.js'
import { probeEngine } from './engine-probe.js'

/** An engine that speaks the protocol and does what the request's `act` says. */
const fakeEngine = `
import { createInterface } from 'node:readline'
const hello = { protocol: Number(process.env.FAKE_PROTOCOL ?? 1), engineVersion: '9.9.9', syftVersion: '1.57.0', grypeVersion: '0.121.2', databaseSchema: 'v6.1.10', cataloguerConfig: 'c0ffee' }
const say = (message) => process.stdout.write(JSON.stringify(message) + '\\n')
let opened = 0
const kept = []
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line)
  const ok = (result) => say({ id: request.id, ok: true, result, rssBytes: request.rssBytes ?? 1000 })
  if (request.op === 'hello') ok(hello)
  else if (request.op === 'openDatabase') { opened += 1; ok({ schemaVersion: 'v6.1.10', isSample: true }) }
  else if (request.op === 'cancel') { if (!globalThis.isDeaf) say({ id: request.target, ok: false, error: { code: 'cancelled', message: 'context canceled' }, rssBytes: 1 }); ok({ cancelled: true }) }
  else if (request.act === 'echo') ok({ value: request.value, pid: process.pid, opened })
  else if (request.act === 'die') { console.error('boom'); process.exit(2) }
  else if (request.act === 'segv') process.kill(process.pid, 'SIGSEGV')
  else if (request.act === 'garbage') process.stdout.write('not json\\n')
  else if (request.act === 'fail') say({ id: request.id, ok: false, error: { code: request.code, message: 'because' }, rssBytes: 1 })
  else if (request.act === 'grow') setInterval(() => kept.push(Buffer.alloc(16 << 20, 1)), 2)
}
`
const Echo = z.object({ value: z.unknown().optional(), pid: z.number(), opened: z.number() })
const limit = { timeoutMs: 100_000 }

let client: EngineClient
let restarts: EngineRestart[]
let program = ''
let directory = ''

beforeEach(async () => {
  directory = await scratchDirectory()
  await mkdir(join(directory, 'layers'))
  program = await fakeNodeProgram(directory, 'pharos-engine', fakeEngine)
  restarts = []
  client = new EngineClient({
    program,
    workDirectory: directory,
    layerCacheDirectory: join(directory, 'layers'),
    layerCacheBytes: 1,
    memoryLimitBytes: 250 * 1024 * 1024,
    softMemoryLimitBytes: 100_000,
    maxLayerBytes: 1,
    maxImageBytes: 1,
    maxFiles: 1,
    onRestart: (reason) => restarts.push(reason),
  })
})
afterEach(() => client.close())

const echo = (value: unknown, fields: object = {}) => client.call('work', { act: 'echo', value, ...fields }, Echo, limit)

describe('the engine client', () => {
  it('keeps one process for many requests, and answers each its own', async () => {
    const [first, second] = await Promise.all([echo('a'), echo('b')])
    expect([first.value, second.value]).toEqual(['a', 'b'])
    expect(first.pid).toBe(second.pid)
    expect(restarts).toEqual([])
  })

  it.each([
    ['ends by itself', 'die', 'engine-crashed', /exit code 2.*boom/s],
    ['is killed by a signal', 'segv', 'engine-crashed', /SIGSEGV/],
    ['writes something else', 'garbage', 'engine-output-invalid', /no message/],
    ['outgrows its memory', 'grow', 'engine-out-of-memory', /limit is/],
  ])('gives a typed error when the process %s, and starts another', async (_sentence, act, code, detail) => {
    const before = await echo(1)
    await expect(client.call('work', { act }, Echo, limit)).rejects.toMatchObject({ code, detail: expect.stringMatching(detail) as string })
    const after = await echo(2)
    expect(after.pid).not.toBe(before.pid)
    expect(restarts).toEqual(['died'])
  })

  it('replaces a process that has grown past the soft limit, after its answer', async () => {
    const before = await echo(1, { rssBytes: 200_000 })
    expect((await echo(2)).pid).not.toBe(before.pid)
    expect(restarts).toEqual(['grown'])
  })

  it.each([
    ['database-damaged', 'database-damaged'],
    ['image-corrupt', 'image-corrupt'],
    ['image-too-large', 'image-too-large'],
    ['image-unsupported', 'media-type-unsupported'],
    ['match-failed', 'engine-failed'],
    ['timeout', 'engine-timeout'],
    ['something-new', 'engine-failed'],
  ])('reads the error %s as %s and keeps the process', async (code, problem) => {
    const before = await echo(1)
    await expect(client.call('work', { act: 'fail', code }, Echo, limit)).rejects.toMatchObject({ code: problem, detail: 'because' })
    expect((await echo(2)).pid).toBe(before.pid)
  })

  it('cancels what nobody waits for, and keeps the process', async () => {
    const before = await echo(1)
    const abort = new AbortController()
    const running = client.call('work', { act: 'nothing' }, Echo, { ...limit, signal: abort.signal })
    setImmediate(() => abort.abort())
    await expect(running).rejects.toMatchObject({ code: 'cancelled' })
    expect((await echo(2)).pid).toBe(before.pid)
  })

  it('ends a request that takes too long', async () => {
    await expect(client.call('work', { act: 'nothing' }, Echo, { timeoutMs: 100 })).rejects.toMatchObject({ code: 'engine-timeout' })
  })

  it('refuses an answer of another form', async () => {
    await expect(client.call('work', { act: 'echo' }, z.object({ missing: z.string() }), limit)).rejects.toMatchObject({
      code: 'engine-output-invalid',
    })
  })

  it('opens a database once, and again only when it changes or the process was replaced', async () => {
    const inDatabase = (folder: string) => client.callWithDatabase(folder, 'match', { act: 'echo' }, Echo, limit)
    expect((await inDatabase('/a')).opened).toBe(1)
    expect((await inDatabase('/a')).opened).toBe(1)
    expect((await inDatabase('/b')).opened).toBe(2)
    await expect(client.call('work', { act: 'die' }, Echo, limit)).rejects.toThrow('engine-crashed')
    expect((await inDatabase('/b')).opened).toBe(1)
  })

  it('ends its process when it is closed', async () => {
    const { pid } = await echo(1)
    await client.close()
    expect(() => process.kill(pid, 0)).toThrow('ESRCH')
    await expect(echo(2)).rejects.toMatchObject({ code: 'engine-unavailable' })
  })
})

describe('probeEngine', () => {
  it('tells what the engine is', async () => {
    expect(await probeEngine(program, directory)).toMatchObject({
      outcome: 'answered',
      hello: { engineVersion: '9.9.9', cataloguerConfig: 'c0ffee' },
    })
  })

  it('says why a program is no engine', async () => {
    const other = await fakeNodeProgram(directory, 'other', 'process.stderr.write("unknown flag"); process.exit(2)')
    expect(await probeEngine(other, directory)).toMatchObject({
      outcome: 'unavailable',
      reason: expect.stringContaining('unknown flag') as string,
    })
    const newer = await fakeNodeProgram(directory, 'newer', fakeEngine.replace('process.env.FAKE_PROTOCOL ?? 1', '2'))
    expect(await probeEngine(newer, directory)).toMatchObject({
      outcome: 'unavailable',
      reason: expect.stringContaining('protocol 2') as string,
    })
  })
})
