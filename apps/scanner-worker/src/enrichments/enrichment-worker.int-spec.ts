import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type ClaimedEnrichment, type EnricherFile, type EnrichmentResults, PharosError, redisChannels } from '@pharos/contracts'
import { readEnricherFiles } from '@pharos/enrichers'
import { pollUntil } from '@pharos/service-kit'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { FakeChunk, FakeEnrichments } from '../__tests__/fake-enrichments.js'
import { WorkerFixture } from '../__tests__/worker-fixture.js'

let fixture: WorkerFixture
let enrichments: FakeEnrichments
beforeAll(async () => {
  fixture = await WorkerFixture.start()
  enrichments = fixture.results.enrichments
})
afterAll(() => fixture.close())
afterEach(() => fixture.stopWorkers())

const poll = ['--enrichment-poll', '100ms']
const patient = { timeoutMs: 150_000, what: 'the worker' }

/** Files of a set of Starlark enrichers, by their names. */
function filesOf(scripts: Record<string, string>): EnricherFile[] {
  const names = Object.keys(scripts)
  return [
    {
      path: 'enrichers.yaml',
      content: `order: [${names.join(', ')}]\nsources:\n${names.map((name) => `  - name: ${name}\n`).join('')}`,
    },
    ...names.flatMap((name) => [
      { path: `${name}/enricher.yaml`, content: `enricher:\n- name: starlark\n  config: ${name}.star\n` },
      { path: `${name}/${name}.star`, content: scripts[name] ?? '' },
    ]),
  ]
}

async function addSet(files: EnricherFile[]): Promise<{ id: string; hash: string }> {
  const read = await readEnricherFiles(files)
  const set = { id: randomUUID(), hash: read.ok ? read.set.hash : 'f'.repeat(64), files }
  enrichments.sets.set(set.id, set)
  return { id: set.id, hash: set.hash }
}

const claimed = () => ({
  outcome: 'claimed' as const,
  chunkId: randomUUID(),
  token: randomUUID(),
  leaseMs: enrichments.leaseMs,
})

/** A chunk whose payloads are numbered. */
function chunkOf(set: { id: string; hash: string }, count: number): FakeChunk & { id: string } {
  const head = { ...claimed(), kind: 'subjects' as const, set, run: 'due' as const, subjects: count }
  const subjects = Array.from({ length: count }, (_, subject) => ({
    about: { subject, digest: null, key: '' },
    payload: JSON.stringify({ Number: subject, Text: 'schön\u2028' }),
  }))
  return { head, subjects, id: head.chunkId }
}

async function ended(chunk: FakeChunk): Promise<void> {
  const { chunkId } = chunk.head
  const expected = chunk.subjects.length
  await pollUntil(
    () => enrichments.of('fail', chunkId).length > 0 || subjectsOf(enrichments.delivered(chunkId)).length >= Math.max(expected, 1),
    patient,
  )
}

function subjectsOf(results: readonly EnrichmentResults[]) {
  return results.flatMap((one) => (one.kind === 'subjects' ? one.subjects : [])).sort((a, b) => a.subject - b.subject)
}

const number = 'def enrich(input):\n    return {"number": input.payload.Number, "text": input.payload.Text}\n'
const loop = 'def enrich(input):\n    for a in range(1 << 30):\n        pass\n    return {}\n'

const threads = (): number => Number(/^Threads:\s+(\d+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])

describe('a worker', () => {
  it('enriches each subject of a chunk and shows its token; a set is fetched once', async () => {
    const set = await addSet(filesOf({ number }))
    const before = enrichments.setDownloads
    const chunks = [chunkOf(set, 5), chunkOf(set, 1)]
    enrichments.waiting.push(...chunks)
    await fixture.startWorker({ more: poll })
    for (const chunk of chunks) await ended(chunk)
    const subjects = subjectsOf(enrichments.delivered(chunks[0]?.id ?? ''))
    expect(subjects.map(({ subject, outcomes }) => [subject, outcomes?.[0]])).toEqual(
      [0, 1, 2, 3, 4].map((value) => [
        value,
        expect.objectContaining({ ok: true, enricher: 'number', data: { number: value, text: 'schön\u2028' } }) as unknown,
      ]),
    )
    expect(enrichments.of('deliver', chunks[0]?.id).every(({ token }) => token === chunks[0]?.head.token)).toBe(true)
    expect(enrichments.setDownloads).toBe(before + 1)
  })

  it('is woken by a message, long before it would look by itself', async () => {
    await fixture.startWorker({ more: ['--enrichment-poll', '5m'] })
    const claims = enrichments.claims
    const chunk = chunkOf(await addSet(filesOf({ number })), 1)
    const redis = new Redis(fixture.redis.url)
    await pollUntil(async () => {
      // Sent again until it is subscribed; the chunk is put there only then.
      await redis.publish(redisChannels.enrichments, '')
      return enrichments.claims > claims
    }, patient)
    enrichments.waiting.push(chunk)
    await redis.publish(redisChannels.enrichments, '')
    await ended(chunk)
    redis.disconnect()
    expect(subjectsOf(enrichments.delivered(chunk.id))).toHaveLength(1)
  })

  it('gives an endless loop its error and the others their contexts; soon the loop is not run any more', async () => {
    const chunk = chunkOf(await addSet(filesOf({ before: number, loop, after: number })), 12)
    enrichments.waiting.push(chunk)
    await fixture.startWorker({ more: [...poll, '--enricher-timeout', '4s', '--enricher-steps', '100000000000'] })
    await ended(chunk)
    const subjects = subjectsOf(enrichments.delivered(chunk.id))
    expect(subjects).toHaveLength(12)
    for (const { outcomes } of subjects)
      expect(outcomes).toMatchObject([
        { enricher: 'before', ok: true },
        { enricher: 'loop', ok: false, error: { kind: 'timeout', script: 'loop/loop.star' } },
        { enricher: 'after', ok: true },
      ])
    const resting = subjects.filter(({ outcomes }) => /Not run again before/.test(JSON.stringify(outcomes)))
    expect(resting.length).toBeGreaterThanOrEqual(8)
  })

  it('has no thread more after scripts that bring it to its limits', async () => {
    const bomb = 'def enrich(input):\n    x = ["x"]\n    for a in range(64):\n        x = x + x\n    return {}\n'
    const deep = 'def enrich(input):\n    return "x" * (1 << 29)\n'
    await fixture.startWorker({ more: [...poll, '--enricher-timeout', '1s'] })
    const healthy = await addSet(filesOf({ number }))
    const warm = chunkOf(healthy, 4)
    enrichments.waiting.push(warm)
    await ended(warm)
    const before = threads()
    const attack = chunkOf(await addSet(filesOf({ bomb, deep, loop })), 6)
    enrichments.waiting.push(attack)
    await ended(attack)
    const next = chunkOf(healthy, 4)
    enrichments.waiting.push(next)
    await ended(next)
    expect(subjectsOf(enrichments.delivered(next.id)).every(({ outcomes }) => outcomes?.[0]?.ok === true)).toBe(true)
    await pollUntil(() => threads() <= before, patient)
  })

  it('gives a chunk back whose set it cannot read, and says why', async () => {
    const chunk = chunkOf(await addSet([{ path: 'enrichers.yaml', content: 'order: [gone]\nsources:\n  - name: gone\n' }]), 2)
    enrichments.waiting.push(chunk)
    await fixture.startWorker({ more: poll })
    await ended(chunk)
    expect(enrichments.of('fail', chunk.id).map(({ body }) => body)).toEqual([
      { isCounted: true, reason: expect.stringMatching(/cannot read the set: .*gone/) as string },
    ])
    expect(enrichments.delivered(chunk.id)).toEqual([])
  })

  it('refuses to run a set that it reads otherwise than results-service', async () => {
    const { id } = await addSet(filesOf({ number }))
    const chunk = chunkOf({ id, hash: 'a'.repeat(64) }, 1)
    enrichments.waiting.push(chunk)
    await fixture.startWorker({ more: poll })
    await ended(chunk)
    expect(enrichments.of('fail', chunk.id)[0]?.body).toMatchObject({
      isCounted: true,
      reason: expect.stringContaining('same release') as string,
    })
  })

  it('delivers again what could not be taken', async () => {
    const chunk = chunkOf(await addSet(filesOf({ number })), 2)
    enrichments.deliveryProblems.push(
      new PharosError('busy', 'Later.', { retryAfterMs: 50 }),
      new PharosError('upstream-unavailable', 'Away.', { retryAfterMs: 50 }),
    )
    enrichments.waiting.push(chunk)
    await fixture.startWorker({ more: poll })
    await pollUntil(() => enrichments.of('deliver', chunk.id).length >= 3, patient)
    expect(enrichments.of('fail', chunk.id)).toEqual([])
  })

  it('says nothing more of a chunk that is another’s by now', async () => {
    const chunk = chunkOf(await addSet(filesOf({ number })), 1)
    enrichments.deliveryProblems.push(new PharosError('attempt-superseded', 'It is another’s.'))
    const next = chunkOf(await addSet(filesOf({ number })), 1)
    enrichments.waiting.push(chunk, next)
    await fixture.startWorker({ more: poll })
    await ended(next)
    expect(enrichments.of('fail', chunk.id)).toEqual([])
  })

  it('stops a chunk whose lease does not go on, and gives it back uncounted', async () => {
    const chunk = chunkOf(await addSet(filesOf({ loop })), 40)
    enrichments.onRenew = (id) => id !== chunk.id
    enrichments.waiting.push(chunk)
    await fixture.startWorker({ more: [...poll, '--enricher-timeout', '20s', '--enricher-steps', '100000000000'] })
    await pollUntil(() => enrichments.of('fail', chunk.id).length > 0, patient)
    expect(enrichments.of('fail', chunk.id)[0]?.body).toMatchObject({ isCounted: false })
    expect(subjectsOf(enrichments.delivered(chunk.id))).toEqual([])
  })

  it('delivers what is done and gives the rest back when it is told to end', async () => {
    const slow = 'def enrich(input):\n    for a in range(1 << 30 if input.payload.Number > 1 else 1):\n        pass\n    return {}\n'
    const chunk = chunkOf(await addSet(filesOf({ slow })), 4)
    enrichments.waiting.push(chunk)
    await fixture.startWorker({ more: [...poll, '--enricher-timeout', '60s', '--enricher-steps', '100000000000'] })
    // Two subjects have ended, two never will.
    await pollUntil(() => subjectsOf(enrichments.delivered(chunk.id)).length === 2, patient)
    await fixture.stopWorkers()
    expect(enrichments.of('fail', chunk.id)[0]?.body).toMatchObject({ isCounted: false })
    expect(subjectsOf(enrichments.delivered(chunk.id)).map(({ subject }) => subject)).toEqual([0, 1])
  })
})

describe('a set that is to be kept', () => {
  const validate = async (files: EnricherFile[]): Promise<EnrichmentResults | undefined> => {
    const head: Exclude<ClaimedEnrichment, { outcome: 'none' }> = { ...claimed(), kind: 'validate', files, source: null }
    enrichments.waiting.push({ head, subjects: [] })
    await fixture.startWorker({ more: poll })
    await pollUntil(() => enrichments.of('deliver', head.chunkId).length > 0, patient)
    return enrichments.delivered(head.chunkId)[0]
  }

  it('is compiled, and its hash and enrichers are told', async () => {
    const files = filesOf({ number })
    const read = await readEnricherFiles(files)
    expect(await validate(files)).toMatchObject({
      problems: [],
      hash: read.ok ? read.set.hash : '',
      enrichers: [{ name: 'number', engines: ['starlark'] }],
    })
  })

  it('is told all its mistakes with their places', async () => {
    expect(await validate(filesOf({ one: 'def enrich(input):\n    return x\n', two: 'def enrich(input)\n    return {}\n' }))).toMatchObject(
      {
        hash: null,
        problems: [
          { file: 'one/one.star', line: 2 },
          { file: 'two/two.star', line: 2 },
        ],
      },
    )
  })
})

describe('a set that somebody tries', () => {
  const trial = async (content: string, enricher: string | null, payloads: string[]): Promise<EnrichmentResults | undefined> => {
    const files = filesOf({ number, other: content })
    const head: Exclude<ClaimedEnrichment, { outcome: 'none' }> = {
      ...claimed(),
      kind: 'test',
      set: null,
      files,
      enricher,
      subjects: payloads.length,
    }
    enrichments.waiting.push({ head, subjects: payloads.map((payload) => ({ about: { subject: 0, digest: null, key: '' }, payload })) })
    await fixture.startWorker({ more: poll })
    await pollUntil(() => enrichments.of('deliver', head.chunkId).length > 0, patient)
    return enrichments.delivered(head.chunkId)[0]
  }

  it('runs on a payload that was given, one enricher of it', async () => {
    expect(await trial('def enrich(input):\n    return {"x": input.payload.x}\n', 'other', ['{"x":1}'])).toMatchObject({
      problems: [],
      outcomes: [{ enricher: 'other', ok: true, data: { x: 1 } }],
    })
  })

  it('runs on the sample', async () => {
    expect(await trial('def enrich(input):\n    return {"os": input.payload.Image.ArchOS}\n', 'other', [])).toMatchObject({
      outcomes: [{ ok: true, data: { os: 'linux' } }],
    })
  })

  it('is not run when it has mistakes', async () => {
    expect(await trial('def enrich(input)\n', null, [])).toMatchObject({ problems: [{ file: 'other/other.star' }], outcomes: [] })
  })
})
