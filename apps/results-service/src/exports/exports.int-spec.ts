import { gunzipSync } from 'node:zlib'
import { type Change, ChangePage, ExportLine, ExportQuery } from '@pharos/contracts'
import { pollUntil } from '@pharos/service-kit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { admin, type ResultsApp, scoped, startResultsApp } from '../__tests__/results-app.js'
import { EventLog } from '../events/event-log.js'
import { digestOf, resolvedImage, simpleReport } from '../ingest/__tests__/report-builder.js'
import { receiveReport } from '../ingest/received-report.js'
import { ScanStorage } from '../runs/scan-storage.js'
import { ExportsService } from './exports.service.js'

let app: ResultsApp
const names = ['a', 'b', 'c']
beforeAll(async () => {
  app = await startResultsApp({ flags: ['--max-exports', '1', '--export-stall', '3s'] })
  for (const name of names) await store(name, ['CVE-1', 'CVE-2'])
})
afterAll(() => app.close())

let runs = 0
async function store(name: string, ids: readonly string[]): Promise<void> {
  const repository = name === 'c' ? 'team-b/c' : `team-a/${name}`
  const report = {
    ...simpleReport(name, ['tar', `only-${name}`], ids),
    image: resolvedImage(name, { reference: { registry: 'registry.example', repository, tag: 'v1' } }),
  }
  runs += 1
  const run = { id: `0190d7a2-6c1e-7d5b-8b0a-${String(runs).padStart(12, '0')}`, digest: report.image.digest }
  await app.results.database.inTransaction(async (tx) => {
    const stored = await app.get(ScanStorage).store(tx, { report: receiveReport(report), run, attempt: { id: run.id } })
    await app.get(EventLog).append(tx, stored.events)
  })
}

const linesOf = (text: string): ExportLine[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => ExportLine.parse(JSON.parse(line)))

async function exported(resource: string, query = '', principal = admin): Promise<ExportLine[]> {
  const answer = await app.request({ method: 'GET', url: `/api/v1/export/${resource}${query}`, principal })
  expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'application/x-ndjson' } })
  return linesOf(String(answer.body))
}
const filter = (text: string): string => `?filter=${encodeURIComponent(text)}`

describe('an export', () => {
  it.each([
    [
      'findings',
      12,
      { vulnerability: 'CVE-1', image: digestOf('a'), severity: 'high', fix: { state: 'fixed', versions: ['1.2.4'] }, state: 'open' },
    ],
    [
      'images',
      3,
      { digest: digestOf('a'), references: ['registry.example/team-a/a:v1'], engines: [{ engine: 'grype', counts: { high: 4 } }] },
    ],
    ['packages', 4, { type: 'deb', name: 'tar', images: 3 }],
    ['workloads', 0, null],
  ])('of %s has all rows between its first and last line', async (resource, count, sample) => {
    const lines = await exported(resource)
    expect(lines[0]).toMatchObject({ type: 'start', resource, filter: null })
    expect(lines.at(-1)).toEqual({ type: 'end', count })
    expect(lines).toHaveLength(count + 2)
    if (sample !== null) expect(lines.some((line) => 'item' in line && contains(line.item, sample))).toBe(true)
  })

  it('holds what fits the filter and the scope alone', async () => {
    expect((await exported('findings', filter('vulnerability = CVE-1 and package.name = tar'))).at(-1)).toEqual({ type: 'end', count: 3 })
    const teamB = scoped('registry.example/team-b/*')
    expect((await exported('findings', '', teamB)).at(-1)).toEqual({ type: 'end', count: 4 })
    expect((await exported('images', '', teamB)).at(-1)).toEqual({ type: 'end', count: 1 })
    const packages = await exported('packages', '', teamB)
    expect(packages.flatMap((line) => (line.type === 'package' ? [[line.item.name, line.item.images]] : [])).sort()).toEqual([
      ['only-c', 1],
      ['tar', 1],
    ])
    expect(await app.request({ method: 'GET', url: `/api/v1/export/findings${filter('colour = red')}`, principal: admin })).toMatchObject({
      status: 400,
      body: { code: 'filter-invalid' },
    })
  })

  it('is compressed for who asks for it', async () => {
    const answer = await app.replicas[0]!.app.inject({
      method: 'GET',
      url: '/api/v1/export/images',
      headers: { authorization: app.authorization('api-gateway', admin), 'accept-encoding': 'br, gzip' },
    })
    expect(answer.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'accept-encoding' })
    expect(linesOf(gunzipSync(answer.rawPayload).toString()).at(-1)).toEqual({ type: 'end', count: 3 })
  })

  it('is of one moment, and its cursor leads to whatever came later', async () => {
    const stream = await app.get(ExportsService).open('findings', ExportQuery.parse({}), admin)
    await store('late', ['CVE-9'])
    await store('a', ['CVE-1'])
    const lines = linesOf(Buffer.concat(await stream.toArray()).toString())
    expect(lines.at(-1)).toEqual({ type: 'end', count: 12 })
    const [start] = lines
    const cursor = start?.type === 'start' ? start.cursor : ''
    const expected = [`gone CVE-2 ${digestOf('a')}`, `scanned  ${digestOf('a')}`, `scanned grype ${digestOf('late')}`]
    // What the export shows already may come once more; what came later must come.
    await pollUntil(async () => {
      const changes = await app.request({ method: 'GET', url: `/api/v1/changes?cursor=${cursor}`, principal: admin })
      const told = new Set(ChangePage.parse(changes.body).items.map(textOf))
      return expected.every((text) => told.has(text))
    })
  })

  it('is one of few at once, and is broken off for a client that takes nothing', async () => {
    const service = app.get(ExportsService)
    const stalled = await service.open('findings', ExportQuery.parse({}), admin)
    await expect(service.open('images', ExportQuery.parse({}), admin)).rejects.toMatchObject({ code: 'busy' })
    const next = await pollUntil(async () => service.open('images', ExportQuery.parse({}), admin).catch(() => null))
    expect(linesOf(Buffer.concat(await next.toArray()).toString()).at(-1)).toMatchObject({ type: 'end' })
    const cut = linesOf(Buffer.concat(await stalled.toArray()).toString())
    expect(cut.at(-1)).toMatchObject({ type: 'error', code: 'busy' })
    expect(await app.query(`select from pg_stat_activity where datname = current_database() and state = 'idle in transaction'`)).toEqual([])
  })

  it('gives its connection back when its client hangs up', async () => {
    const service = app.get(ExportsService)
    const stream = await service.open('findings', ExportQuery.parse({}), admin)
    stream.destroy()
    const next = await pollUntil(async () => service.open('workloads', ExportQuery.parse({}), admin).catch(() => null))
    expect(linesOf(Buffer.concat(await next.toArray()).toString()).at(-1)).toEqual({ type: 'end', count: 0 })
  })
})

function textOf(change: Change): string {
  return change.subject === 'finding'
    ? `${change.change} ${change.vulnerability} ${change.image}`
    : `${change.change} ${change.firstResults.join()} ${change.image}`
}

function contains(item: object, sample: object): boolean {
  try {
    expect(item).toMatchObject(sample)
    return true
  } catch {
    return false
  }
}
