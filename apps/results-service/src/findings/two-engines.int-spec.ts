import { readFileSync } from 'node:fs'
import { FindingPage, ListFindingsQuery, QueryFindings, ReportPackage, ReportMatch, ReportVulnerability } from '@pharos/contracts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { debPackage, digestOf, engineReport, match, scanReport, vulnerability } from '../ingest/__tests__/report-builder.js'
import { createReads, principalFor, type Reads } from '../inventory/__tests__/reads-harness.js'

const everything = principalFor(null)
let reads: Reads

/** What Grype 0.121.2 and Trivy 0.74.0 said of one image of npm packages, recorded and mapped by packages/scanners. */
const Recorded = z.object({
  packages: z.array(ReportPackage),
  engines: z.array(
    z.object({
      engine: z.enum(['grype', 'trivy']),
      engineVersion: z.string().nullable(),
      vulnerabilities: z.array(ReportVulnerability),
      matches: z.array(ReportMatch),
    }),
  ),
})
const recorded = Recorded.parse(JSON.parse(readFileSync(new URL('./__fixtures__/npm-two-engines.json', import.meta.url), 'utf8')))

beforeAll(async () => {
  reads = await createReads()
  await reads.inventory.ingest(
    scanReport('recorded', { packages: recorded.packages, engines: recorded.engines.map((engine) => engineReport(engine)) }),
  )
  const found = vulnerability('CVE-1', { severity: 'high' })
  const other = vulnerability('CVE-1', { namespace: 'trivy', severity: 'low', severityGiven: 'LOW', epss: null })
  const at = (path: string) => ({ locations: [{ path, layer: null }] })
  await reads.inventory.ingest(
    scanReport('places', {
      packages: [
        debPackage('same', at('/a')),
        debPackage('same', { ...at('/b'), version: '2' }),
        // As the second engine tells them: at the same place, at another place, without a place, and of another version.
        debPackage('same', { ...at('/a'), purl: 'pkg:deb/same?t' }),
        debPackage('apart', at('/c')),
        debPackage('apart', { ...at('/d'), purl: 'pkg:deb/apart?t' }),
        debPackage('placeless', at('/e')),
        debPackage('placeless', { locations: [], purl: 'pkg:deb/placeless?t' }),
        debPackage('version', at('/f')),
        debPackage('version', { ...at('/g'), version: '9' }),
      ],
      engines: [
        engineReport({ vulnerabilities: [found], matches: [0, 1, 3, 5, 7].map((position) => match(position, 0)) }),
        engineReport({
          engine: 'trivy',
          status: 'partial',
          vulnerabilities: [other],
          matches: [2, 4, 6, 8].map((position) => match(position, 0, { fixState: 'wont-fix', fixVersions: [], risk: 0, details: [] })),
        }),
      ],
    }),
  )
})
afterAll(() => reads.inventory.results.close())

const list = (name: string, query: object = {}) =>
  reads.findings.list(digestOf(name), ListFindingsQuery.parse({ limit: 500, ...query }), everything)
const reportersOf = (page: FindingPage) =>
  page.items
    .map(({ package: { name, version }, reportedBy }) => `${name} ${version} ${reportedBy?.map(({ engine }) => engine).join('+')}`)
    .sort()

describe('what two engines report of one image', () => {
  it('is one row for each vulnerability of a package, that says who reports it and where they differ', async () => {
    const page = await list('recorded')
    expect(FindingPage.parse(page)).toEqual(page)
    expect(page.items).toHaveLength(13)
    const shared = page.items.filter(({ reportedBy }) => reportedBy?.length === 2)
    expect(shared).toMatchObject([
      {
        engine: 'grype',
        vulnerability: { id: 'CVE-2021-23337' },
        package: { name: 'lodash', version: '4.17.20' },
        reportedBy: [
          {
            engine: 'grype',
            nativeId: 'GHSA-35jh-r3h4-6jhm',
            namespace: 'github:language:javascript',
            lastConfirmed: { engineVersion: '0.121.2' },
          },
          { engine: 'trivy', lastConfirmed: { engineVersion: '0.74.0', database: { schemaVersion: 'v6.1.10' } } },
        ],
      },
    ])
    expect(shared[0]?.differences?.map(({ kind }) => kind)).not.toContain('only-one')
    const alone = page.items.find(({ reportedBy }) => reportedBy?.length === 1)
    expect(alone?.differences).toEqual([
      {
        kind: 'only-one',
        detail: 'trivy does not report it in its complete result made with the database built at 2026-11-23T05:00:00.000Z',
      },
    ])
  })

  it('is found by the second engine too, and counted as one row', async () => {
    const filter = `image = ${digestOf('recorded')}`
    const ofTrivy = await reads.findings.query(QueryFindings.parse({ filter: `${filter} and engine = trivy`, count: 'true' }), everything)
    expect(ofTrivy).toMatchObject({
      count: { count: 1 },
      items: [{ engine: 'trivy', reportedBy: [{ engine: 'grype' }, { engine: 'trivy' }] }],
    })
    const all = await reads.findings.query(QueryFindings.parse({ filter, count: 'true' }), everything)
    expect(all.count).toEqual({ count: 13, isCapped: false })
  })

  it('is of one package when type, name and version agree, and the place where both tell one', async () => {
    expect(reportersOf(await list('places'))).toEqual([
      'apart 1.2.3-1 grype',
      'apart 1.2.3-1 trivy',
      'placeless 1.2.3-1 grype+trivy',
      'same 1.2.3-1 grype+trivy',
      'same 2 grype',
      'version 1.2.3-1 grype',
      'version 9 trivy',
    ])
  })

  it('differs in severity, state of the fix and versions, with what each says', async () => {
    const page = await list('places', { package: 'placeless' })
    expect(page.items[0]?.differences).toEqual([
      { kind: 'severity', detail: 'grype: high (High, debian:distro:debian:12); trivy: low (LOW, trivy)' },
      { kind: 'status', detail: 'grype: fixed; trivy: wont-fix' },
      { kind: 'fix', detail: 'grype: 1.2.4; trivy: no version' },
    ])
    const alone = await list('places', { filter: 'package = same and package.version = 2' })
    expect(alone.items[0]?.differences).toMatchObject([
      { kind: 'only-one', detail: expect.stringContaining('partial result, which may lack it') as string },
    ])
  })

  it('is the row of the engine that the filter leaves', async () => {
    const page = await list('places', { filter: 'package = placeless and severity = low' })
    expect(page.items).toMatchObject([{ engine: 'trivy', vulnerability: { severity: 'low' } }])
  })
})
