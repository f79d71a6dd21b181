import type { EnricherOverview, ImageContextPage } from '@pharos/contracts'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { digestOf, simpleReport } from '../ingest/__tests__/report-builder.js'
import { createEnrichment, type EnrichmentWorld, type HeldChunk, resultsOf, type TestEnrichers } from './__tests__/enrichment-harness.js'
import { imagesMoved } from './due-subjects.js'

let world: EnrichmentWorld
beforeAll(async () => {
  world = await createEnrichment({ flags: ['--enrichment-chunk-subjects', '3'] })
})
afterAll(() => world.close())
beforeEach(() => world.clear())

const counting: TestEnrichers = ({ Findings }) => ({ risk: { findings: Findings.length } })
const contexts = async (name: string) => (await world.call('GET', `/images/${digestOf(name)}/contexts`)).body as ImageContextPage
const scan = (...names: string[]) =>
  names.reduce(async (before, name) => {
    await before
    await world.scan(simpleReport(name, ['openssl'], ['CVE-1']))
  }, Promise.resolve())
const taken = async (): Promise<HeldChunk> => {
  const chunk = await world.claim()
  if (chunk === null) throw new Error('there was no work')
  return chunk
}
const code = ({ body }: { body: unknown }) => (body as { code?: string }).code

describe('a chunk', () => {
  beforeEach(async () => {
    await world.activate(['risk'])
    await world.sweep()
  })

  it('is given to one worker, and may be delivered twice', async () => {
    await scan('a')
    const chunk = await taken()
    expect(await world.claim()).toBeNull()
    expect(await world.deliver(chunk, resultsOf(chunk, counting))).toMatchObject({ status: 200, body: { outcome: 'stored', remaining: 0 } })
    expect(await world.deliver(chunk, resultsOf(chunk, counting))).toMatchObject({ body: { outcome: 'already-stored', remaining: 0 } })
    expect(await contexts('a')).toMatchObject({ items: [{ owner: 'risk', data: { findings: 1 } }] })
  })

  it('may be delivered in parts', async () => {
    await scan('a', 'b')
    const chunk = await taken()
    const results = resultsOf(chunk, counting)
    if (results.kind !== 'subjects') throw new Error('of another kind')
    const [first, second] = results.subjects
    expect(await world.deliver(chunk, { ...results, subjects: first === undefined ? [] : [first] })).toMatchObject({
      body: { remaining: 1 },
    })
    expect(await world.deliver(chunk, { ...results, subjects: second === undefined ? [] : [second] })).toMatchObject({
      body: { remaining: 0 },
    })
    expect(await world.claim()).toBeNull()
  })

  it('whose worker is lost goes to another, and the late delivery of the lost one is refused', async () => {
    await scan('a')
    const lost = await taken()
    expect(await world.renew(lost)).toMatchObject({ body: { continue: true } })
    await world.lapse()
    const second = await taken()
    expect(second.subjects.map(({ subject }) => subject)).toEqual(lost.subjects.map(({ subject }) => subject))
    expect(await world.renew(lost)).toMatchObject({ body: { continue: false } })
    const late = await world.deliver(
      lost,
      resultsOf(lost, () => ({ risk: { findings: 99 } })),
    )
    expect([late.status, code(late)]).toEqual([409, 'attempt-superseded'])
    expect((await world.deliver(second, resultsOf(second, counting))).status).toBe(200)
    expect(await contexts('a')).toMatchObject({ items: [{ data: { findings: 1 } }] })
  })

  it('is not taken from another worker by a token that somebody made up', async () => {
    await scan('a')
    const chunk = await taken()
    const other = { head: { ...chunk.head, token: 'x'.repeat(43) } }
    expect(code(await world.deliver(other, resultsOf(chunk, counting)))).toBe('attempt-superseded')
    await world.fail(other, { reason: 'not mine', isCounted: true })
    expect((await world.deliver(chunk, resultsOf(chunk, counting))).status).toBe(200)
  })

  it('that kills its workers is taken apart: only the subject that kills is given up, and says why', async () => {
    await scan('a', 'b', 'killer')
    const kills = (chunk: HeldChunk) => chunk.subjects.some(({ subject }) => subject.digest === digestOf('killer'))
    for (let round = 0; round < 20; round += 1) {
      const chunk = await world.claim()
      if (chunk === null) break
      if (kills(chunk)) await world.lapse()
      else await world.deliver(chunk, resultsOf(chunk, counting))
    }
    expect(await world.claim()).toBeNull()
    expect(await contexts('a')).toMatchObject({ items: [{ state: 'current' }], enrichment: { state: 'current' } })
    expect(await contexts('b')).toMatchObject({ items: [{ state: 'current' }] })
    expect(await contexts('killer')).toMatchObject({
      items: [],
      enrichment: { state: 'failed', problem: 'The workers that ran its enrichers were lost.' },
    })
    await scan('killer')
    await world.workAll(counting)
    expect(await contexts('killer')).toMatchObject({ items: [{ state: 'current' }], enrichment: { state: 'current', problem: null } })
  })

  it('that a worker gives back because it ends loses nothing, however often', async () => {
    await scan('a')
    for (let round = 0; round < 6; round += 1) await world.fail(await taken(), { reason: 'The worker ends.', isCounted: false })
    await world.workAll(counting)
    expect(await contexts('a')).toMatchObject({ items: [{ data: { findings: 1 } }] })
  })

  it('that no worker can do is given up with the reason of the last', async () => {
    await scan('a')
    for (let round = 0; round < 3; round += 1)
      await world.fail(await taken(), { reason: 'This worker cannot read the set.', isCounted: true })
    expect(await world.claim()).toBeNull()
    expect(await contexts('a')).toMatchObject({ enrichment: { state: 'failed', problem: 'This worker cannot read the set.' } })
  })

  it('may bring a subject for which nothing could be run', async () => {
    await scan('a')
    const chunk = await taken()
    const [one] = chunk.subjects
    await world.deliver(chunk, {
      kind: 'subjects',
      subjects: [{ subject: one?.subject.subject ?? 0, outcomes: null, reason: 'The payload is too large.' }],
    })
    expect(await contexts('a')).toMatchObject({ items: [], enrichment: { state: 'failed', problem: 'The payload is too large.' } })
    expect(await world.claim()).toBeNull()
  })

  it('of the former set is refused when another set was activated meanwhile', async () => {
    await scan('a')
    const former = await taken()
    const { run } = await world.activate(['risk', 'more'])
    expect(await world.renew(former)).toMatchObject({ body: { continue: false } })
    expect(code(await world.deliver(former, resultsOf(former, counting)))).toBe('attempt-superseded')
    await world.workAll((payload) => ({ ...counting(payload), more: { yes: true } }))
    expect((await contexts('a')).items.map(({ owner, state }) => [owner, state])).toEqual([
      ['more', 'current'],
      ['risk', 'current'],
    ])
    expect((await world.call('GET', `/enrichers/runs/${run}`)).body).toMatchObject({ state: 'done', subjects: { total: 1, done: 1 } })
  })
})

it('a run that has read an image earlier does not replace what was made of it later', async () => {
  await scan('a')
  const { run } = await world.activate(['risk'])
  const early = await taken()
  await world.scan(simpleReport('a', ['openssl'], ['CVE-1', 'CVE-2']))
  const later = await taken()
  expect([early.head, later.head]).toMatchObject([{ run: 'activate' }, { run: 'due' }])
  await world.deliver(later, resultsOf(later, counting))
  await world.deliver(early, resultsOf(early, counting))
  expect(await contexts('a')).toMatchObject({ items: [{ data: { findings: 2 }, state: 'current' }] })
  await world.sweep()
  expect((await world.call('GET', `/enrichers/runs/${run}`)).body).toMatchObject({ state: 'done', subjects: { total: 1, done: 1 } })
})

describe('a failing enricher', () => {
  it('keeps its last good context, marked with the error and since when, and stops nobody', async () => {
    await world.activate(['risk', 'who'])
    await scan('a')
    await world.workAll(() => ({ risk: { findings: 1 }, who: { team: 'x' } }))
    await scan('a')
    await world.workAll(() => ({ risk: 'too many steps', who: { team: 'y' } }))
    const [risk, who] = (await contexts('a')).items
    expect(risk).toMatchObject({
      owner: 'risk',
      data: { findings: 1 },
      state: 'failed',
      error: { message: 'too many steps', line: 1 },
      failedAt: expect.any(String) as string,
    })
    expect(who).toMatchObject({ owner: 'who', data: { team: 'y' }, state: 'current' })
    expect((await contexts('a')).enrichment).toMatchObject({ state: 'failed' })
    await scan('a')
    await world.workAll(() => ({ risk: 'again', who: { team: 'y' } }))
    expect((await contexts('a')).items[0]?.failedAt).toBe(risk?.failedAt)
    const overview = (await world.call('GET', '/enrichers')).body as EnricherOverview
    expect(overview).toMatchObject({
      due: 0,
      enrichers: [
        { name: 'risk', runs: 3, failures: 2, lastError: { digest: digestOf('a'), error: { message: 'again' } } },
        { name: 'who', runs: 3, failures: 0, lastError: null },
      ],
    })
    await scan('a')
    await world.workAll(() => ({ risk: { findings: 2 }, who: { team: 'y' } }))
    expect((await contexts('a')).items[0]).toMatchObject({ data: { findings: 2 }, state: 'current' })
  })

  it('that has never succeeded has a context without data', async () => {
    await world.activate(['risk'])
    await scan('a')
    await world.workAll(() => ({ risk: 'no' }))
    expect((await contexts('a')).items).toMatchObject([{ owner: 'risk', data: {}, state: 'failed' }])
  })
})

describe('work of a fleet', () => {
  it('of ten thousand images that a re-match has moved twice is one piece each, and none is lost', async () => {
    await world.activate(['risk'])
    await world.app.query(
      `insert into image (digest, media_type, platform, size_bytes, layers, annotations)
       select 'sha256:' || encode(sha256(n::text::bytea), 'hex'), 'm', 'linux/amd64', 1, '[]', '{}' from generate_series(1, 10000) n`,
    )
    await world.app.query(`insert into enrichment_subject (image_id, kind, key) select id, 0, '' from image`)
    const ids = (await world.app.query<{ id: string }>('select id from image')).map(({ id }) => Number(id))
    const moved = (which: readonly number[] | null) => world.app.results.database.inTransaction((tx) => imagesMoved(tx, which))
    await moved(ids)
    const held = await taken()
    expect(held.subjects).toHaveLength(3)
    await moved(null)
    await world.deliver(held, resultsOf(held, counting))
    const [counted] = await world.app.query<{ rows: number; subjects: number }>(
      'select count(*)::int as rows, count(distinct subject_id)::int as subjects from enrichment_work',
    )
    expect(counted).toEqual({ rows: 10_000, subjects: 10_000 })
  })

  it('says which contexts have changed, once for each subject', async () => {
    await world.activate(['risk'])
    await scan('a')
    await world.workAll(counting)
    await scan('a')
    await world.workAll(counting)
    const events = await world.app.query<{ body: unknown }>(`select body from event where body ->> 'type' = 'contexts.changed'`)
    expect(events.map(({ body }) => body)).toEqual([{ type: 'contexts.changed', digest: digestOf('a'), key: '', owners: ['risk'] }])
  })
})
