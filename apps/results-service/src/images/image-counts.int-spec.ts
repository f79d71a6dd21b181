import { ImagePage, ListImagesQuery, QueryFindings, type Severity } from '@pharos/contracts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SummaryStore } from '../findings/summary-store.js'
import { debPackage, digestOf, engineReport, match, scanReport, vulnerability } from '../ingest/__tests__/report-builder.js'
import { createReads, principalFor, type Reads } from '../inventory/__tests__/reads-harness.js'

const everything = principalFor(null)
const severities: Severity[] = ['critical', 'high', 'medium', 'low', 'negligible', 'unknown']
let reads: Reads

beforeAll(async () => {
  reads = await createReads()
  const vulnerabilities = Array.from({ length: 14 }, (_value, at) =>
    vulnerability(`CVE-${at}`, {
      severity: severities[at % 6] ?? 'low',
      kev: at % 5 === 0 ? { dateAdded: null, dueDate: null, ransomware: false } : null,
    }),
  )
  const matches = vulnerabilities.map((_vulnerability, at) => match(at % 2, at, { fixState: at % 3 === 0 ? 'fixed' : 'not-fixed' }))
  await reads.inventory.ingest(
    scanReport('counted', {
      packages: [debPackage('one'), debPackage('two')],
      engines: [
        engineReport({ vulnerabilities, matches }),
        engineReport({ engine: 'trivy', vulnerabilities: vulnerabilities.slice(0, 4), matches: matches.slice(0, 4) }),
      ],
    }),
  )
  await reads.inventory.query(
    `update finding set is_suppressed = true where vulnerability_id in (select id from vulnerability where native_id in ('CVE-0', 'CVE-3'))`,
  )
  await reads.inventory.results.database.inTransaction((tx) => new SummaryStore().recount(tx, null))
})
afterAll(() => reads.inventory.results.close())

describe('each count of an image', () => {
  it('is the number of rows of the query beside it', async () => {
    const { engines } = await reads.view.detail(digestOf('counted'), null)
    expect(engines).toMatchObject([
      { engine: 'grype', findingCount: 12, suppressed: 2 },
      { engine: 'trivy', findingCount: 2, suppressed: 2 },
    ])
    for (const engine of engines) {
      const { total, ...counts } = engine.links?.findings ?? {}
      const rowsOf = async (filter = '') =>
        (await reads.findings.query(QueryFindings.parse({ filter, limit: 500, count: 'true' }), everything)).count?.count
      expect(await rowsOf(total)).toBe(engine.findingCount)
      const stated: Record<string, number | undefined> = {
        ...engine.counts,
        fixable: engine.fixable,
        kev: engine.kev,
        suppressed: engine.suppressed,
      }
      expect(Object.keys(counts).sort()).toEqual(Object.keys(stated).sort())
      for (const [name, filter] of Object.entries(counts))
        expect([engine.engine, name, await rowsOf(filter)]).toEqual([engine.engine, name, stated[name]])
    }
  })

  it('of images by verdict is of those that show it', async () => {
    const packages = [debPackage('one')]
    const complete = { packages, engines: [engineReport()] }
    await reads.inventory.ingest(scanReport('clean', complete))
    await reads.inventory.ingest(scanReport('empty', { engines: [engineReport()] }))
    await reads.inventory.ingest(scanReport('partial', { packages, engines: [engineReport({ status: 'partial' })] }))
    const database = {
      ...engineReport().database,
      generationId: null,
      schemaVersion: 'v6',
      checksum: null,
      isSample: false,
      isStale: false,
    }
    await reads.inventory.ingest(
      scanReport('old', { packages, engines: [engineReport({ database: { ...database, builtAt: '2026-11-01T00:00:00Z' } })] }),
    )
    await reads.inventory.ingest(scanReport('ageless', { packages, engines: [engineReport({ database: { ...database, builtAt: null } })] }))
    await reads.inventory.ingest(
      scanReport('sample', {
        packages,
        engines: [engineReport({ database: { ...database, builtAt: '2026-11-24T00:00:00Z', isSample: true } })],
      }),
    )
    const catalogue = { ...scanReport('x').catalogue, unreadable: [{ path: 'a","unreadable":[]', reason: 'odd \u0000' }] } as ReturnType<
      typeof scanReport
    >['catalogue']
    await reads.inventory.ingest(scanReport('unreadable', { ...complete, catalogue }))
    const list = async (filter?: string) =>
      (await reads.imageLists.list(ListImagesQuery.parse({ filter, limit: 500, sort: 'digest' }), everything)).items
    const all = await list()
    expect(new Set(all.map((image) => image.verdict?.status))).toEqual(new Set(['clean', 'vulnerable', 'unknown']))
    for (const status of ['clean', 'vulnerable', 'unknown'])
      expect((await list(`verdict = ${status}`)).map(({ digest }) => digest)).toEqual(
        all.filter((image) => image.verdict?.status === status).map(({ digest }) => digest),
      )
    expect((await list('verdict = clean')).map(({ digest }) => digest)).toEqual([digestOf('clean')])
  })

  it('stands in lists beside a verdict', async () => {
    const page = await reads.imageLists.list(ListImagesQuery.parse({ filter: 'critical > 0 and fixable >= 1' }), everything)
    expect(ImagePage.parse(page)).toEqual(page)
    expect(page.items).toMatchObject([
      {
        digest: digestOf('counted'),
        workloadCount: 0,
        verdict: {
          status: 'vulnerable',
          engines: [
            { engine: 'grype', openFindings: 12, isStale: false },
            { engine: 'trivy', openFindings: 2 },
          ],
        },
      },
    ])
  })
})
