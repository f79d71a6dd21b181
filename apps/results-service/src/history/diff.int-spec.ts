import { type Difference, DiffQuery, HistoryPage, ImageDiff } from '@pharos/contracts'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  debPackage,
  digestOf,
  engineReport,
  match,
  resolvedImage,
  scanReport,
  simpleReport,
  vulnerability,
} from '../ingest/__tests__/report-builder.js'
import { walk } from '../inventory/__tests__/reads-harness.js'
import { createHistory, type History } from './__tests__/history-harness.js'

let history: History
beforeAll(async () => {
  history = await createHistory()
})
beforeEach(() => history.inventory.clear())
afterAll(() => history.inventory.results.close())

const diff = async (name: string, query: Partial<DiffQuery>) =>
  ImageDiff.parse(await history.diffs.diff(digestOf(name), DiffQuery.parse(query), null))

/** `finding added CVE-1 tar (database)` */
function sentenceOf(item: Difference): string {
  const subject =
    item.subject === 'finding'
      ? `${item.vulnerability} ${item.package.name}`
      : `${(item.after ?? item.before)?.name} ${item.before?.version ?? '-'} ${item.after?.version ?? '-'}`
  return `${item.subject} ${item.change} ${subject} (${item.cause})`
}
const sentences = async (name: string, query: Partial<DiffQuery>) => (await diff(name, query)).items.map(sentenceOf)

/** One package with vulnerabilities of which each has the severity given. */
function report(
  name: string,
  severities: Readonly<Record<string, 'high' | 'low'>>,
  engine: Parameters<typeof engineReport>[0] = {},
  version = '1.0',
) {
  return scanReport(name, {
    packages: [debPackage('tar', { version }), debPackage('glibc')],
    engines: [
      engineReport({
        vulnerabilities: Object.entries(severities).map(([id, severity]) => vulnerability(id, { severity })),
        matches: Object.keys(severities).map((_id, position) => match(0, position)),
        ...engine,
      }),
    ],
  })
}
const findingOf = async (id: string, name = 'a'): Promise<string> => {
  const [row] = await history.inventory.query<{ id: string }>(
    'select f.id from finding f join vulnerability v on v.id = f.vulnerability_id join image i on i.id = f.image_id where v.native_id = $1 and i.digest = $2',
    [id, digestOf(name)],
  )
  return row?.id ?? ''
}

describe('an image between two moments', () => {
  it('tells what the engine, a decision and a catalogue changed, each with its cause', async () => {
    const first = await history.ingest(report('a', { 'CVE-1': 'high', 'CVE-2': 'high', 'CVE-3': 'low', 'CVE-4': 'low' }))
    await history.ingest(report('a', { 'CVE-1': 'low', 'CVE-3': 'low', 'CVE-4': 'low', 'CVE-5': 'high' }, { engineVersion: '0.122.0' }))
    const second = await history.decide([await findingOf('CVE-3')], 'accepted')
    expect(await sentences('a', { since: first.toISOString(), until: second.toISOString() })).toEqual([
      'finding removed CVE-2 tar (engine)',
      'finding added CVE-5 tar (engine)',
      'finding changed CVE-1 tar (engine)',
      'finding removed CVE-3 tar (decision)',
    ])
    const [changed] = (await diff('a', { since: first.toISOString() })).items.filter((item) => item.change === 'changed')
    expect(changed).toMatchObject({ before: { severity: 'high' }, after: { severity: 'low' } })
    await history.ingest(
      report('a', { 'CVE-1': 'low', 'CVE-3': 'low', 'CVE-4': 'low', 'CVE-5': 'high' }, { engineVersion: '0.122.0' }, '2.0'),
    )
    expect(await sentences('a', { since: second.toISOString() })).toEqual(['package changed tar 1.0 2.0 (catalogue)'])
  })

  it('shows a whole image as added from before it was known, and nothing from a moment to the next', async () => {
    const before = history.inventory.clock.now()
    const at = await history.ingest(report('a', { 'CVE-1': 'high' }))
    expect(await sentences('a', { since: before.toISOString() })).toEqual([
      'package added glibc - 1.2.3-1 (image)',
      'package added tar - 1.0 (image)',
      'finding added CVE-1 tar (image)',
    ])
    await history.ingest(report('a', { 'CVE-1': 'high' }))
    expect(await sentences('a', { since: at.toISOString() })).toEqual([])
  })

  it('says nothing of what came and went within the time', async () => {
    const at = await history.ingest(report('a', { 'CVE-1': 'high' }))
    await history.ingest(report('a', { 'CVE-1': 'high', 'CVE-2': 'high' }))
    await history.ingest(report('a', { 'CVE-1': 'high' }))
    expect(await sentences('a', { since: at.toISOString() })).toEqual([])
  })

  it('pages over the same two moments, whatever happens meanwhile', async () => {
    const at = await history.ingest(report('a', {}))
    await history.ingest(report('a', { 'CVE-1': 'high', 'CVE-2': 'high', 'CVE-3': 'low' }))
    const first = await diff('a', { since: at.toISOString(), limit: 1 })
    await history.ingest(report('a', {}))
    const rest = await walk(async (cursor) => diff('a', { since: at.toISOString(), limit: 1, cursor: cursor ?? first.nextCursor ?? '' }))
    expect([...first.items, ...rest].map(sentenceOf)).toEqual([
      'finding added CVE-1 tar (scan)',
      'finding added CVE-2 tar (scan)',
      'finding added CVE-3 tar (scan)',
    ])
    expect(first.counts.findings).toEqual({ added: 3, removed: 0, changed: 0 })
  })

  it.each([
    ['nothing to compare with', {}, 'request-invalid'],
    ['two things to compare with', { with: digestOf('a'), since: '2026-11-24T08:00:00.000Z' }, 'request-invalid'],
    ['a moment that is yet to come', { since: '2036-01-01T00:00:00.000Z' }, 'request-invalid'],
    ['moments the wrong way round', { since: '2026-11-24T08:00:00.000Z', until: '2026-11-23T08:00:00.000Z' }, 'request-invalid'],
    ['a moment beyond the horizon', { since: '2025-01-01T00:00:00.000Z' }, 'horizon-exceeded'],
    ['an image that is not there', { with: digestOf('nothing') }, 'not-found'],
  ])('is refused with %s', async (_sentence, query, code) => {
    await history.ingest(report('a', {}))
    await expect(diff('a', query)).rejects.toMatchObject({ code })
  })
})

describe('two images', () => {
  it('differ in packages and findings, and the cause says why', async () => {
    await history.ingest(simpleReport('a', ['tar', 'xz'], ['CVE-1']))
    await history.ingest(simpleReport('b', ['tar', 'zlib'], ['CVE-1', 'CVE-2'], { engineVersion: '0.122.0' }))
    expect(await sentences('a', { with: digestOf('b') })).toEqual([
      'package removed xz 1.2.3-1 - (image)',
      'package added zlib - 1.2.3-1 (image)',
      'finding removed CVE-1 xz (image)',
      'finding added CVE-1 zlib (image)',
      'finding added CVE-2 tar (engine)',
      'finding added CVE-2 zlib (image)',
    ])
  })

  it('with the same packages differ by database or decision', async () => {
    await history.ingest(report('a', { 'CVE-1': 'high', 'CVE-2': 'high' }))
    const database = {
      generationId: null,
      schemaVersion: 'v6',
      builtAt: '2026-11-24T05:00:00Z',
      checksum: null,
      isSample: false,
      isStale: false,
    }
    await history.ingest(report('b', { 'CVE-1': 'low', 'CVE-2': 'high' }, { database }))
    await history.decide([await findingOf('CVE-2', 'b')], 'false_positive')
    expect(await sentences('a', { with: digestOf('b') })).toEqual([
      'finding removed CVE-2 tar (decision)',
      'finding changed CVE-1 tar (database)',
    ])
  })

  it('are the same to each other when nothing differs', async () => {
    await history.ingest(report('a', { 'CVE-1': 'high' }))
    await history.ingest(report('b', { 'CVE-1': 'high' }))
    expect(await sentences('a', { with: digestOf('b') })).toEqual([])
  })

  it('are compared only when the caller may see both', async () => {
    await history.ingest(report('a', {}))
    await history.ingest({
      ...report('b', {}),
      image: resolvedImage('b', { reference: { registry: 'registry.example', repository: 'team-b/b', tag: 'v1' } }),
    })
    await expect(
      history.diffs.diff(digestOf('a'), DiffQuery.parse({ with: digestOf('b') }), ['registry.example/team-a/%']),
    ).rejects.toMatchObject({
      code: 'not-found',
    })
  })
})

describe('the history of an image', () => {
  it('tells everything newest first, in pages', async () => {
    await history.ingest(report('a', { 'CVE-1': 'high' }))
    await history.ingest(report('a', { 'CVE-1': 'low', 'CVE-2': 'high' }, { engineVersion: '0.122.0' }, '2.0'))
    await history.decide([await findingOf('CVE-1')], 'accepted')
    await history.decide([await findingOf('CVE-1')], null)
    const entries = await walk(async (cursor) =>
      HistoryPage.parse(await history.history.list(digestOf('a'), { limit: 2, ...(cursor === undefined ? {} : { cursor }) }, null)),
    )
    const told = entries.map((entry) =>
      entry.subject === 'finding'
        ? `${entry.change} ${entry.vulnerability} (${entry.cause}) ${entry.before?.severity ?? '-'} ${entry.after?.severity ?? '-'} ${entry.decision === null ? '' : `${entry.decision.before} ${entry.decision.after}`}`.trim()
        : entry.subject === 'package'
          ? `${entry.change} ${entry.before?.version} ${entry.after?.version}`
          : `${entry.change} ${entry.engine ?? entry.reference ?? ''} ${entry.findings ?? ''}`.trim(),
    )
    // The reference and the image itself are dated by the database, everything else by the clock of this test.
    expect(told.filter((text) => !/^(seen|referenced)/.test(text))).toEqual([
      'decided CVE-1 (decision) - - accepted null',
      'decided CVE-1 (decision) - - null accepted',
      'changed 1.0 2.0',
      expect.stringMatching(/^(appeared CVE-2 \(engine\) - high|changed CVE-1 \(engine\) high low)$/),
      expect.stringMatching(/^(appeared CVE-2 \(engine\) - high|changed CVE-1 \(engine\) high low)$/),
      'scanned grype 1',
    ])
    expect(told).toContain('referenced registry.example/team-a/a:v1')
    expect(told).toContain('seen')
  })

  it('shows references of the scope alone', async () => {
    await history.ingest(report('a', {}))
    await history.ingest({
      ...report('a', {}),
      image: resolvedImage('a', { reference: { registry: 'registry.example', repository: 'team-b/a', tag: 'v2' } }),
    })
    const { items } = await history.history.list(digestOf('a'), { limit: 50 }, ['registry.example/team-a/%'])
    expect(items.flatMap((entry) => (entry.subject === 'image' && entry.reference !== null ? [entry.reference] : []))).toEqual([
      'registry.example/team-a/a:v1',
    ])
  })
})
