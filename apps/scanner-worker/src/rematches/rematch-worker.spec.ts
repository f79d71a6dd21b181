import { type ClaimedRematchChunk, exampleOf, GenerationRef, type RematchChunkResults } from '@pharos/contracts'
import { type Clock, silentLogger } from '@pharos/service-kit'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { RematchWorkerService, RematchWorkerTools } from './rematch-worker.service.js'

const [former, next] = ['1', '2'].map((digit) => ({ ...exampleOf(GenerationRef), id: `0190d7a2-6c1e-7d5b-8b0a-3a6f0b1c2d${digit}0` }))
const difference = { isEverything: false, keysVersion: '0.121.2-1', keys: [7], records: ['cve-1'], scores: [] }
const claimed = { outcome: 'claimed', rematchId: 'r', chunk: 1, token: 't', leaseMs: 60_000, generation: next } as const
const coming = { outcome: 'none', prepare: next } as ClaimedRematchChunk
const nothing = { outcome: 'none' } as ClaimedRematchChunk

/** What the worker is given, one answer a claim; then nothing any more. */
let answers: ClaimedRematchChunk[]
let said: string[]
let delivered: RematchChunkResults[]
let pauses: number[]
let worker: RematchWorkerService

beforeEach(() => {
  ;[answers, said, delivered, pauses] = [[], [], [], []]
  const matcher = {
    engineVersion: '0.121.2',
    prepare: (directory: string) => Promise.resolve(said.push(`prepare ${directory}`)),
    difference: (from: string, to: string) => {
      said.push(`compare ${from} ${to}`)
      return Promise.resolve(difference)
    },
    matchUnits: (_units: unknown, directory: string, options: { formerDatabaseDirectory?: string; withKeys?: boolean }) => {
      said.push(`match in ${directory}, former ${options.formerDatabaseDirectory ?? 'none'}, keys ${options.withKeys === true}`)
      return Promise.resolve({ vulnerabilities: [], matches: [], skipped: [], failed: [], keys: null, engineVersion: '0.121.2' })
    },
  }
  const nameOf = new Map([
    [former?.id, 'former'],
    [next?.id, 'next'],
  ])
  const tools = new RematchWorkerTools(
    {
      claim: (request: { comparesDatabases?: boolean }) => {
        expect(request.comparesDatabases).toBe(true)
        return Promise.resolve(answers.shift() ?? nothing)
      },
      renew: () => Promise.resolve({ continue: true, leaseMs: 60_000 }),
      deliver: (_key: unknown, results: RematchChunkResults) => {
        delivered.push(results)
        return Promise.resolve({ outcome: 'stored' })
      },
      fail: () => Promise.resolve(),
    } as never,
    {
      version: '0.121.2',
      matcher: () => Promise.resolve(matcher),
      rest: () => Promise.resolve(said.push('rest')),
    } as never,
    { hold: ({ id }: GenerationRef) => Promise.resolve({ directory: nameOf.get(id) ?? id, release: () => undefined }) } as never,
    { until: (_signal: unknown, work: () => unknown) => work() } as never,
    { id: 'worker-1' } as never,
  )
  const clock = {
    nowMs: () => 0,
    now: () => new Date(0),
    sleep: async (ms: number, signal?: AbortSignal) => {
      pauses.push(ms)
      // What nobody waits for ends with the lease; a pause of the loop takes a turn.
      await new Promise<void>((resolve) => {
        if (ms < 10_000) setImmediate(resolve)
        else signal?.addEventListener('abort', () => resolve(), { once: true })
      })
    },
  } as unknown as Clock
  const configuration = { rematches: { pollMs: 2000 }, engines: {}, timeouts: {} } as never
  worker = new RematchWorkerService(tools, silentLogger(), clock, configuration)
})
afterEach(() => worker.beforeApplicationShutdown())

describe('a worker in re-matches', () => {
  it('has a database ready that is being judged, once, looks more often meanwhile, and keeps its engine for what comes', async () => {
    answers = [coming, coming, coming, coming]
    worker.onApplicationBootstrap()
    await vi.waitFor(() => expect(said).toContain('rest'), { timeout: 30_000 })
    expect(said.slice(0, said.indexOf('rest'))).toEqual(['prepare next'])
    expect(pauses).toContain(200)
    expect(pauses).toContain(2000)
  })

  it('tells what both databases differ in, and matches the packages of it in the new one with the former at hand', async () => {
    answers = [
      { ...claimed, kind: 'difference', formerGeneration: former } as ClaimedRematchChunk,
      { ...claimed, chunk: 2, kind: 'packages', formerGeneration: former, units: [], withKeys: true } as ClaimedRematchChunk,
    ]
    worker.onApplicationBootstrap()
    await vi.waitFor(() => expect(delivered).toHaveLength(2), { timeout: 30_000 })
    expect(said.slice(0, 2)).toEqual(['compare former next', 'match in next, former former, keys true'])
    expect(delivered[0]).toEqual({ kind: 'difference', engineVersion: '0.121.2', ...difference })
  })
})
