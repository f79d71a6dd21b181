import type {
  ContextDifference,
  EnricherRunDetail,
  EnricherSetDetail,
  ImageContextPage,
  Problem,
  StoredEnricherSet,
} from '@pharos/contracts'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { admin, scoped } from '../__tests__/results-app.js'
import { digestOf, resolvedImage, simpleReport } from '../ingest/__tests__/report-builder.js'
import {
  claimUntil,
  createEnrichment,
  type EnrichmentWorld,
  outcomesOf,
  resultsOf,
  type TestEnrichers,
} from './__tests__/enrichment-harness.js'
import { EnricherSetsService } from './enricher-sets.service.js'

let world: EnrichmentWorld
beforeAll(async () => {
  world = await createEnrichment({ flags: ['--enrichment-chunk-subjects', '2', '--enricher-sets', '3'] })
})
afterAll(() => world.close())
beforeEach(() => world.clear())

const files = [{ path: 'enrichers.yaml', content: 'order: [risk]\n' }]
const counting: TestEnrichers = ({ Findings }) => ({ risk: { findings: Findings.length } })
const contexts = async (name: string) => ((await world.call('GET', `/images/${digestOf(name)}/contexts`)).body as ImageContextPage).items
const run = async (id: string) => (await world.call('GET', `/enrichers/runs/${id}`)).body as EnricherRunDetail
const scan = async (...names: string[]) => {
  for (const name of names) await world.scan(simpleReport(name, ['openssl'], ['CVE-1']))
}
const begin = async (set: { id: string }, what: 'activate' | 'compare') =>
  ((await world.call('POST', `/enrichers/sets/${set.id}/-/${what}`)).body as { id: string }).id
const differences = async (id: string, query = '', principal = admin) =>
  ((await world.call('GET', `/enrichers/runs/${id}/differences${query}`, undefined, principal)).body as { items: ContextDifference[] })
    .items

describe('a set of enrichers', () => {
  it('is kept when a worker finds it right, can be read with its files, and removed while it is not active', async () => {
    const set = await world.push(['risk'], files)
    expect(set).toMatchObject({
      state: 'draft',
      version: 1,
      hash: 'hash of risk',
      enrichers: [{ name: 'risk' }],
      activatedAt: null,
      createdBy: 'user:admin',
    })
    expect((await world.call('GET', `/enrichers/sets/${set.id}`)).body as EnricherSetDetail).toMatchObject({ files })
    await begin(set, 'activate')
    expect((await world.call('DELETE', `/enrichers/sets/${set.id}`)).status).toBe(409)
    expect((await world.call('POST', `/enrichers/sets/${set.id}/-/activate`)).status).toBe(409)
    const other = await world.push(['risk'], files)
    expect((await world.call('DELETE', `/enrichers/sets/${other.id}`)).status).toBe(204)
    expect((await world.call('GET', `/enrichers/sets/${other.id}`)).status).toBe(404)
    const audited = await world.app.query<{ action: string }>('select action from audit_event order by id')
    expect(audited.map(({ action }) => action)).toEqual([
      'enricher-set.create',
      'enricher-set.activate',
      'enricher-set.create',
      'enricher-set.remove',
    ])
  })

  it('with mistakes is refused with all of them, and leaves nothing', async () => {
    const pushed = world.call('POST', '/enrichers/sets', { files })
    const checking = await claimUntil(world, 'validate')
    expect(checking.head).toMatchObject({ kind: 'validate', files, source: null })
    await world.deliver(checking, {
      kind: 'validate',
      hash: null,
      enrichers: [],
      warnings: [],
      files: null,
      problems: [
        { file: 'owner/enricher.yaml', line: 3, column: 5, message: 'There is no step "starlak".' },
        { file: '', message: 'Two enrichers are named owner.' },
      ],
    })
    const { status, body } = await pushed
    expect([status, (body as Problem).code]).toEqual([422, 'enricher-set-invalid'])
    expect((body as Problem).errors?.map(({ detail }) => detail)).toEqual([
      'owner/enricher.yaml:3:5: There is no step "starlak".',
      'Two enrichers are named owner.',
    ])
    expect((await world.call('GET', '/enrichers/sets')).body).toMatchObject({ items: [] })
  })

  it.each([
    ['a path that leads out of the folder', [{ path: '../x.yaml', content: '' }]],
    ['an absolute path', [{ path: '/etc/x.yaml', content: '' }]],
    ['a path twice', [...files, ...files]],
  ])('with %s is refused before a worker sees it', async (_sentence, wrong) => {
    const { status, body } = await world.call('POST', '/enrichers/sets', { files: wrong })
    expect([status, (body as Problem).code]).toEqual([422, 'enricher-set-invalid'])
    expect(await world.claim()).toBeNull()
  })

  it('with too many bytes is refused before a worker sees it', async () => {
    const large = Array.from({ length: 9 }, (_value, index) => ({ path: `f${index}`, content: 'x'.repeat(1024 * 1024) }))
    await expect(world.app.get(EnricherSetsService).create({ files: large }, admin)).rejects.toMatchObject({ code: 'enricher-set-invalid' })
    expect(await world.claim()).toBeNull()
  })

  it('may not call an enricher like the owner of submitted contexts', async () => {
    const pushed = world.push(['submit'])
    await expect(pushed).rejects.toThrow(/The name submit is taken/)
  })

  it('is fetched by a worker when its source is given', async () => {
    const source = { git: 'https://git.example/e.git', commit: 'a'.repeat(40), path: '' }
    const pushed = world.call('POST', '/enrichers/sets', { source })
    const checking = await claimUntil(world, 'validate')
    expect(checking.head).toMatchObject({ files: null, source })
    await world.deliver(checking, {
      kind: 'validate',
      hash: 'h',
      enrichers: [{ name: 'risk', engines: ['hbs'] }],
      warnings: ['old'],
      files,
      problems: [],
    })
    const set = (await pushed).body as StoredEnricherSet
    expect(set).toMatchObject({ state: 'draft', source, warnings: ['old'] })
    expect((await world.call('GET', `/enrichers/sets/${set.id}`)).body).toMatchObject({ files })
  })

  it('beyond the number of kept sets goes, the oldest first, and never the active one', async () => {
    const { set } = await world.activate(['risk'])
    for (let count = 0; count < 5; count += 1) await world.push(['risk'])
    const compared = await world.push(['risk'])
    await begin(compared, 'compare')
    await world.workAll(counting)
    const left = ((await world.call('GET', '/enrichers/sets')).body as { items: StoredEnricherSet[] }).items
    expect(left.map(({ version }) => version)).toEqual([7, 6, 5, set.version])
  })
})

describe('an activation', () => {
  it('runs over what is stored without a scan, replaces contexts, and removes those of enrichers that are gone', async () => {
    await scan('a', 'b', 'c')
    const first = await world.activate(['risk', 'old'])
    await world.workAll((payload) => ({ ...counting(payload), old: { x: 1 } }))
    expect(await run(first.run)).toMatchObject({
      state: 'done',
      subjects: { total: 3, done: 3, failed: 0 },
      contexts: { added: 6 },
      secondsLeft: 0,
    })
    const second = await world.activate(['risk', 'new'])
    await world.workAll(() => ({ risk: { findings: 'many' }, new: { y: 1 } }))
    expect(await run(second.run)).toMatchObject({
      contexts: { added: 3, changed: 3, removed: 3, unchanged: 0, failed: 0 },
      formerSetId: first.set.id,
    })
    expect((await contexts('a')).map(({ owner, data, setId }) => [owner, data, setId])).toEqual([
      ['new', { y: 1 }, second.set.id],
      ['risk', { findings: 'many' }, second.set.id],
    ])
    expect(await world.app.query('select distinct name from context_label order by 1')).toEqual([
      { name: 'new.y' },
      { name: 'risk.findings' },
    ])
    expect(await world.app.query('select state from scan_task')).toEqual([])
  })

  it('rests while it is paused, what is due by itself goes on, and its end is estimated', async () => {
    await scan('a', 'b', 'c', 'd', 'e')
    const { run: id } = await world.activate(['risk'])
    const first = await world.claim()
    if (first === null) throw new Error('no work')
    await world.deliver(first, resultsOf(first, counting))
    expect(await run(id)).toMatchObject({ state: 'running', subjects: { total: 5, done: 2 }, secondsLeft: expect.any(Number) as number })
    const held = await world.claim()
    expect((await world.call('POST', `/enrichers/runs/${id}/-/pause`)).body).toMatchObject({ state: 'paused', secondsLeft: null })
    if (held === null) throw new Error('no work')
    expect((await world.renew(held)).body).toMatchObject({ continue: false })
    await world.fail(held, { reason: 'It rests.', isCounted: false })
    expect(await world.claim()).toBeNull()
    await scan('e')
    expect(await world.workAll(counting)).toEqual([{ digest: digestOf('e'), key: '', run: 'due' }])
    // What was due needs not be done again by the run.
    expect((await run(id)).subjects).toEqual({ total: 5, done: 3, failed: 0 })
    await world.call('POST', `/enrichers/runs/${id}/-/resume`)
    await world.workAll(counting)
    expect(await run(id)).toMatchObject({ state: 'done', subjects: { total: 5, done: 5 } })
    expect((await world.call('POST', `/enrichers/runs/${id}/-/pause`)).status).toBe(409)
  })

  it('that is cancelled leaves the contexts of what it has not reached, until that is due', async () => {
    await scan('a', 'b', 'c')
    await world.activate(['risk'])
    await world.workAll(() => ({ risk: { v: 1 } }))
    const { run: id } = await world.activate(['risk'])
    const held = await world.claim()
    if (held === null) throw new Error('no work')
    expect((await world.call('POST', `/enrichers/runs/${id}/-/cancel`)).body).toMatchObject({ state: 'cancelled' })
    expect(
      (
        await world.deliver(
          held,
          resultsOf(held, () => ({ risk: { v: 2 } })),
        )
      ).status,
    ).toBe(409)
    expect(await world.claim()).toBeNull()
    expect(await contexts('c')).toMatchObject([{ data: { v: 1 }, state: 'current' }])
    await scan('c')
    await world.workAll(() => ({ risk: { v: 2 } }))
    expect(await contexts('c')).toMatchObject([{ data: { v: 2 } }])
  })

  it('ends the one before it', async () => {
    await scan('a', 'b')
    const first = await world.activate(['risk'])
    const second = await world.activate(['risk', 'more'])
    expect(await run(first.run)).toMatchObject({ state: 'cancelled', problem: 'Another set was activated.' })
    await world.workAll((payload) => ({ ...counting(payload), more: {} }))
    expect(await run(second.run)).toMatchObject({ state: 'done', subjects: { total: 2, done: 2 } })
  })

  it('counts what no worker could enrich as failed, and ends', async () => {
    await scan('a')
    const { run: id } = await world.activate(['risk'])
    for (let round = 0; round < 3; round += 1) {
      const chunk = await world.claim()
      if (chunk !== null) await world.fail(chunk, { reason: 'Out of memory.', isCounted: true })
    }
    await world.sweep()
    expect(await run(id)).toMatchObject({ state: 'done', subjects: { total: 1, done: 1, failed: 1 }, problem: 'Out of memory.' })
  })
})

describe('a comparison', () => {
  it('changes nothing, and tells each difference to those who may see its image', async () => {
    await scan('a')
    await world.scan({
      ...simpleReport('b', [], []),
      image: resolvedImage('b', { reference: { registry: 'registry.example', repository: 'other/b', tag: 'v1' } }),
    })
    await world.activate(['risk'])
    await world.workAll(counting)
    const before = [await contexts('a'), await contexts('b')]
    const set = await world.push(['risk', 'new'])
    const id = await begin(set, 'compare')
    expect((await contexts('a'))[0]?.state).toBe('current')
    await world.workAll(({ Image }) => ({ risk: Image.ManifestDigest === digestOf('a') ? { findings: 7 } : 'broken', new: { x: null } }))
    expect([await contexts('a'), await contexts('b')]).toEqual(before)
    expect(await run(id)).toMatchObject({
      kind: 'compare',
      state: 'done',
      contexts: { added: 2, changed: 1, removed: 0, unchanged: 0, failed: 1 },
    })
    expect((await run(id)).samples).toHaveLength(4)
    expect(await differences(id, '?kind=changed')).toEqual([
      { digest: digestOf('a'), key: '', owner: 'risk', kind: 'changed', before: { findings: 1 }, after: { findings: 7 }, error: null },
    ])
    const seen = await differences(id, '', scoped('registry.example/other/*'))
    expect(seen.map(({ digest, owner, kind }) => [digest, owner, kind])).toEqual([
      [digestOf('b'), 'new', 'added'],
      [digestOf('b'), 'risk', 'failed'],
    ])
  })

  it('finds exactly what activation then writes, whatever the enrichers make', async () => {
    await scan('a', 'b', 'c')
    const value = fc.oneof(
      fc.constant('broken'),
      fc.dictionary(fc.constantFrom('x', 'y'), fc.oneof(fc.integer({ min: 0, max: 1 }), fc.string({ maxLength: 3 })), { maxKeys: 2 }),
    )
    const fleet = fc.tuple(...['a', 'b', 'c'].map(() => fc.dictionary(fc.constantFrom('e1', 'e2', 'e3'), value, { maxKeys: 3 })))
    const made = (outcomes: readonly Record<string, string | Record<string, unknown>>[]): TestEnrichers => {
      const byDigest = new Map(['a', 'b', 'c'].map((name, position) => [digestOf(name), outcomes[position] ?? {}]))
      return ({ Image }) => byDigest.get(Image.ManifestDigest) ?? {}
    }
    const plain = ({ digest, key, owner, kind, before, after }: ContextDifference) =>
      JSON.stringify([digest, key, owner, kind, before, after])
    await fc.assert(
      fc.asyncProperty(fleet, fleet, async (today, tomorrow) => {
        await world.activate(['e'])
        await world.workAll(made(today))
        const set = await world.push(['e'])
        const compared = await begin(set, 'compare')
        await world.workAll(made(tomorrow))
        const activated = await begin(set, 'activate')
        await world.workAll(made(tomorrow))
        const [expected, actual] = [await run(compared), await run(activated)]
        expect(actual.contexts).toEqual(expected.contexts)
        expect((await differences(activated)).map(plain).sort()).toEqual((await differences(compared)).map(plain).sort())
      }),
      { numRuns: 8, seed: 5 },
    )
  }, 180_000)
})

describe('a test of enrichers', () => {
  const test = (body: object, principal = admin) => world.call('POST', '/enrichers/-/test', body, principal)

  it('runs at a worker on a stored image, and keeps nothing', async () => {
    await scan('a')
    const asked = test({ files, image: digestOf('a'), enricher: 'risk' })
    const chunk = await claimUntil(world, 'test')
    expect(chunk.head).toMatchObject({ kind: 'test', set: null, files, enricher: 'risk', subjects: 1 })
    const [one] = chunk.subjects
    expect(one?.payload.Findings).toHaveLength(1)
    const outcomes = outcomesOf({ risk: { findings: 1 } })
    await world.deliver(chunk, { kind: 'test', problems: [], outcomes })
    expect(await asked).toMatchObject({ status: 200, body: { problems: [], outcomes } })
    expect(await contexts('a')).toEqual([])
  })

  it('runs on a payload or the sample, with the active set where nothing else is named', async () => {
    await world.activate(['risk'])
    const given = test({ payload: { Findings: [], odd: 'a\0b' } })
    const chunk = await claimUntil(world, 'test')
    expect(chunk.head).toMatchObject({ set: { hash: 'hash of risk' }, files: null, enricher: null })
    expect(chunk.subjects).toMatchObject([{ subject: { subject: 0, digest: null }, payload: { Findings: [], odd: 'a\0b' } }])
    await world.deliver(chunk, { kind: 'test', problems: [{ file: 'x', message: 'no' }], outcomes: [] })
    expect((await given).body).toEqual({ problems: [{ file: 'x', message: 'no' }], outcomes: [] })
    const sample = test({ sample: true })
    const second = await claimUntil(world, 'test')
    expect(second.head).toMatchObject({ subjects: 0 })
    await world.deliver(second, { kind: 'test', problems: [], outcomes: [] })
    expect((await sample).status).toBe(200)
  })

  it.each([
    ['no set is active', { sample: true }, 409],
    ['the set is unknown', { sample: true, set: '0190d7a2-6c1e-7d5b-8b0a-3a6f0b1c2d3e' }, 404],
    ['the image is unknown', { files, image: digestOf('nowhere') }, 404],
    ['two payloads are named', { files, sample: true, payload: {} }, 400],
  ])('is refused when %s', async (_sentence, body, status) => {
    expect((await test(body)).status).toBe(status)
  })

  it('reads no image that its caller may not see', async () => {
    await scan('a')
    expect((await test({ files, image: digestOf('a') }, scoped('registry.example/other/*'))).status).toBe(404)
    expect(
      (await world.call('GET', `/images/${digestOf('a')}/enricher-payload`, undefined, scoped('registry.example/other/*'))).status,
    ).toBe(404)
  })
})
