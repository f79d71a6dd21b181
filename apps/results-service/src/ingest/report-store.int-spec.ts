import type { EngineReport, ScanReport } from '@pharos/contracts'
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
} from './__tests__/report-builder.js'
import { createInventory, type InventoryHarness } from './__tests__/inventory-harness.js'
import { receiveReport } from './received-report.js'

let inventory: InventoryHarness
beforeAll(async () => {
  inventory = await createInventory()
})
beforeEach(() => inventory.clear())
afterAll(() => inventory.results.close())

interface FindingRow {
  id: string
  package: string
  vulnerability: string
  is_open: boolean
  severity: number
  risk: number
  last_seen_at: Date | null
  first_seen_at: Date
}

function findings(image = 'shop'): Promise<FindingRow[]> {
  return inventory.query<FindingRow>(
    `select f.id, p.name as package, v.native_id as vulnerability, f.is_open, f.severity, s.risk, f.last_seen_at, f.first_seen_at
       from finding f join image i on i.id = f.image_id join package p on p.id = f.package_id join vulnerability v on v.id = f.vulnerability_id
       join vulnerability_score s on s.vulnerability_id = f.vulnerability_id
      where i.digest = $1 order by p.name, v.native_id, f.id`,
    [digestOf(image)],
  )
}

const openNames = async (image?: string) =>
  (await findings(image)).filter((row) => row.is_open).map((row) => `${row.package} ${row.vulnerability}`)

async function countOf(table: string): Promise<number> {
  const [row] = await inventory.query<{ count: string }>(`select count(*) from ${table}`)
  return Number(row?.count)
}

describe('ingest of a report', () => {
  it('stores facts once and answers what each engine said', async () => {
    const stored = await inventory.ingest(simpleReport('shop', ['tar', 'zlib'], ['CVE-1', 'CVE-2']))
    expect(stored).toMatchObject({
      state: 'succeeded',
      outcome: 'stored',
      outcomes: [{ engine: 'grype', status: 'complete', findingCount: 4 }],
    })
    expect(stored.events.map((event) => event.type)).toEqual(['image.scanned', 'findings.changed'])
    await inventory.ingest(simpleReport('other', ['tar', 'zlib'], ['CVE-1', 'CVE-2']))
    expect(await countOf('package')).toBe(2)
    expect(await countOf('vulnerability')).toBe(2)
    expect(await countOf('package_match')).toBe(4)
    expect(await countOf('finding')).toBe(8)
    expect(await countOf('image_package')).toBe(4)
  })

  it('touches no finding, package or match when nothing has changed', async () => {
    const report = simpleReport('shop', ['tar', 'zlib'], ['CVE-1', 'CVE-2'])
    await inventory.ingest(report)
    const state = () =>
      inventory.query(`select 'f', id::text, xmin::text from finding union all select 'm', id::text, xmin::text from package_match
      union all select 'p', id::text, xmin::text from package union all select 'o', occurrence::text, xmin::text from image_package
      union all select 'v', id::text, xmin::text from vulnerability order by 1, 2`)
    const before = await state()
    const again = await inventory.ingest(report)
    expect(await state()).toEqual(before)
    expect(again.events.map((event) => event.type)).toEqual(['image.scanned'])
    expect(await countOf('finding_event')).toBe(0)
  })

  it('a rescan closes what is gone and opens it again under its id', async () => {
    await inventory.ingest(simpleReport('shop', ['tar'], ['CVE-1', 'CVE-2']))
    const [first, second] = await findings()
    await inventory.ingest(simpleReport('shop', ['tar'], ['CVE-1']))
    expect((await findings()).map((row) => [row.id, row.is_open])).toEqual([
      [first?.id, true],
      [second?.id, false],
    ])
    expect((await findings())[1]?.last_seen_at).toEqual(second?.first_seen_at)
    await inventory.ingest(simpleReport('shop', ['tar'], ['CVE-1', 'CVE-2']))
    expect((await findings()).map((row) => [row.id, row.is_open])).toEqual([
      [first?.id, true],
      [second?.id, true],
    ])
    const events = await inventory.query('select kind, finding_id from finding_event order by id')
    expect(events).toEqual([
      { kind: 'gone', finding_id: second?.id },
      { kind: 'appeared', finding_id: second?.id },
    ])
  })

  it('a partial result adds and refreshes, and closes nothing', async () => {
    await inventory.ingest(simpleReport('shop', ['tar'], ['CVE-1']))
    const partial: Partial<EngineReport> = {
      status: 'partial',
      reasons: [{ code: 'engine-failed', detail: 'the matcher of Go modules failed' }],
    }
    const stored = await inventory.ingest(simpleReport('shop', ['tar'], ['CVE-2'], partial))
    expect(stored.state).toBe('partial')
    expect(await openNames()).toEqual(['tar CVE-1', 'tar CVE-2'])
    const [unseen, seen] = await findings()
    expect(unseen?.last_seen_at).toEqual(unseen?.first_seen_at)
    expect(seen?.last_seen_at).toBeNull()
    const [summary] = await inventory.query('select high from image_summary')
    expect(summary).toEqual({ high: 2 })
    await inventory.ingest(simpleReport('shop', ['tar'], ['CVE-1']))
    expect((await findings())[0]?.last_seen_at).toBeNull()
    expect(await openNames()).toEqual(['tar CVE-1'])
  })

  it.each(['failed', 'unavailable'] as const)('an engine that is %s keeps its last good result, marked', async (status) => {
    await inventory.ingest(simpleReport('shop', ['tar'], ['CVE-1']))
    const good = (
      await inventory.images.latestResult(inventory.results.database.runner, { digest: digestOf('shop'), engines: ['grype'] })
    )[0]
    const report = scanReport('shop', {
      catalogue: null,
      engines: [engineReport({ status, engineVersion: null, database: null, reasons: [{ code: 'engine-crashed', detail: 'it died' }] })],
    })
    const stored = await inventory.ingest(report)
    expect(stored).toMatchObject({ state: 'partial', outcomes: [{ status, findingCount: 0 }] })
    expect(await openNames()).toEqual(['tar CVE-1'])
    const [latest] = await inventory.images.latestResult(inventory.results.database.runner, {
      digest: digestOf('shop'),
      engines: ['grype'],
    })
    expect(latest).toMatchObject({
      lastAttemptFailed: true,
      scannedAt: good?.scannedAt,
      outcome: { status: 'complete', findingCount: 1, reasons: [{ code: 'engine-crashed' }] },
    })
    const [image] = await inventory.query('select package_count, last_scanned_at from image')
    expect(image).toEqual({ package_count: 1, last_scanned_at: good?.scannedAt })
  })

  it('an engine that has only ever failed never looks clean', async () => {
    await inventory.ingest(
      scanReport('shop', {
        catalogue: null,
        engines: [engineReport({ status: 'failed', reasons: [{ code: 'engine-failed', detail: 'no' }] })],
      }),
    )
    const [latest] = await inventory.images.latestResult(inventory.results.database.runner, {
      digest: digestOf('shop'),
      engines: ['grype'],
    })
    expect(latest).toMatchObject({ scannedAt: null, lastAttemptFailed: true, outcome: { status: 'failed' } })
  })

  it('a report of another generation than the active one delivers its catalogue only', async () => {
    const generation = {
      id: '0190d7a2-6c1e-7d5b-8b0a-3a6f0b1c2d3e',
      engine: 'grype',
      schemaVersion: 'v6',
      builtAt: null,
      checksum: 'a'.repeat(64),
      sizeBytes: 1,
      isSample: false,
      isStale: true,
    } as const
    const database = {
      generationId: '0190d7a2-6c1e-7d5b-8b0a-000000000000',
      schemaVersion: 'v6',
      builtAt: null,
      checksum: null,
      isSample: false,
      isStale: false,
    }
    const late = await inventory.ingest(simpleReport('shop', ['tar'], ['CVE-1'], { database }), [generation])
    expect(late).toMatchObject({ outcome: 'catalogue-only', outcomes: [] })
    expect([await countOf('finding'), await countOf('image_package')]).toEqual([0, 1])
    const inTime = await inventory.ingest(
      simpleReport('shop', ['tar'], ['CVE-1'], { database: { ...database, generationId: generation.id } }),
      [generation],
    )
    expect(inTime).toMatchObject({ outcome: 'stored', outcomes: [{ database: { isStale: true, checksum: generation.checksum } }] })
  })

  it('a new fix of a newer generation ends the interval of a match and begins the next', async () => {
    const inGeneration = (id: string, fixVersions: string[]): ScanReport =>
      scanReport('shop', {
        packages: [debPackage('tar')],
        engines: [
          engineReport({
            database: { generationId: id, schemaVersion: 'v6', builtAt: null, checksum: null, isSample: false, isStale: false },
            vulnerabilities: [vulnerability('CVE-1')],
            matches: [match(0, 0, { fixVersions })],
          }),
        ],
      })
    const active = (id: string) => [
      {
        id,
        engine: 'grype' as const,
        schemaVersion: 'v6',
        builtAt: null,
        checksum: 'a'.repeat(64),
        sizeBytes: 1,
        isSample: false,
        isStale: false,
      },
    ]
    const [one, two] = ['0190d7a2-6c1e-7d5b-8b0a-000000000001', '0190d7a2-6c1e-7d5b-8b0a-000000000002'] as const
    await inventory.ingest(inGeneration(one, []), active(one))
    await inventory.ingest(inGeneration(two, ['2.0']), active(two))
    expect(await inventory.query('select since_generation, until_generation, is_open from package_match order by id')).toEqual([
      { since_generation: one, until_generation: two, is_open: false },
      { since_generation: two, until_generation: null, is_open: true },
    ])
    const [joined] = await inventory.query<{ is_open: boolean }>(
      'select m.is_open from finding f join package_match m on m.id = f.match_id',
    )
    expect(joined).toEqual({ is_open: true })
  })

  it('secrets and misconfigurations are closed by a whole result and not by a partial one', async () => {
    const secret = {
      rule: 'private-key',
      category: 'AsymmetricPrivateKey',
      title: 'Key',
      severity: 'high',
      path: '/app/key.pem',
      startLine: 1,
      endLine: 1,
      masked: '****',
      layer: null,
    } as const
    const misconfiguration = {
      check: 'DS-0002',
      title: 'root',
      description: '',
      message: 'USER',
      resolution: '',
      severity: 'medium',
      target: 'Dockerfile',
      urls: [],
    } as const
    const trivy = (change: object) => scanReport('shop', { engines: [engineReport({ engine: 'trivy', ...change })] })
    const stored = await inventory.ingest(trivy({ secrets: [secret, secret], misconfigurations: [misconfiguration] }))
    expect(stored.events).toContainEqual({ type: 'findings.changed', digest: digestOf('shop'), engine: 'trivy', appeared: 3, gone: 0 })
    const open = () => inventory.query('select is_open from secret_finding union all select is_open from misconfiguration_finding')
    await inventory.ingest(trivy({ status: 'partial' }))
    expect(await open()).toEqual([{ is_open: true }, { is_open: true }, { is_open: true }])
    await inventory.ingest(trivy({ misconfigurations: [misconfiguration] }))
    expect(await open()).toEqual([{ is_open: false }, { is_open: false }, { is_open: true }])
  })

  it('a tag that moves keeps its history and leads to one image', async () => {
    const reference = { registry: 'registry.example', repository: 'team-a/shop', tag: 'v1' }
    for (const name of ['old', 'new', 'new']) await inventory.ingest(scanReport(name, { image: resolvedImage(name, { reference }) }))
    const references = await inventory.query(
      'select i.digest, r.until is null as is_current from image_reference r join image i on i.id = r.image_id order by r.id',
    )
    expect(references).toEqual([
      { digest: digestOf('old'), is_current: false },
      { digest: digestOf('new'), is_current: true },
    ])
  })
})

describe('ids of findings', () => {
  const report = (id: string, canonicalId: string, severity: 'low' | 'critical' = 'low') =>
    scanReport('shop', {
      packages: [debPackage('lodash', { type: 'npm' })],
      engines: [
        engineReport({
          vulnerabilities: [vulnerability(id, { canonicalId, aliases: [id, canonicalId], severity })],
          matches: [match(0, 0)],
        }),
      ],
    })

  it('survive a new rating, a gained CVE and another version of the engine', async () => {
    await inventory.ingest(report('GHSA-1', 'GHSA-1'))
    const before = await findings()
    await inventory.ingest(report('GHSA-1', 'CVE-1', 'critical'))
    const after = await findings()
    expect(after.map((row) => row.id)).toEqual(before.map((row) => row.id))
    expect(after[0]).toMatchObject({ severity: 5, is_open: true, first_seen_at: before[0]?.first_seen_at })
    expect(await inventory.query('select kind from finding_event')).toEqual([{ kind: 'changed' }])
  })

  it('two groups that turn out to be one leave one open finding with the id of the older', async () => {
    const both = (canonicalId: string) =>
      scanReport('shop', {
        packages: [debPackage('lodash')],
        engines: [
          engineReport({
            vulnerabilities: [vulnerability('GHSA-1', { canonicalId }), vulnerability('CVE-1', { namespace: 'nvd:cpe' })],
            matches: [match(0, 0), match(0, 1)],
          }),
        ],
      })
    await inventory.ingest(both('GHSA-1'))
    expect(await openNames()).toHaveLength(2)
    const former = new Set((await findings()).map((row) => row.id))
    await inventory.ingest(both('CVE-1'))
    const open = (await findings()).filter((row) => row.is_open)
    expect(open).toHaveLength(1)
    expect(former.has(open[0]?.id ?? '')).toBe(true)
    await inventory.ingest(both('CVE-1'))
    expect((await findings()).filter((row) => row.is_open)).toEqual(open)
  })

  it('tell several versions in one place apart', async () => {
    const versions = ['4.17.20', '4.17.15'].map((version) =>
      debPackage('lodash', { version, locations: [{ path: '/app/package-lock.json', layer: null }] }),
    )
    const stored = await inventory.ingest(
      scanReport('shop', {
        packages: versions,
        engines: [engineReport({ vulnerabilities: [vulnerability('CVE-1')], matches: [match(0, 0), match(1, 0)] })],
      }),
    )
    expect(stored.outcomes[0]?.findingCount).toBe(2)
    expect(await countOf('image_package')).toBe(2)
  })
})

describe('odd reports', () => {
  it('any text is stored: NUL, lone surrogates, very long names', async () => {
    const long = 'x'.repeat(60_000)
    const odd = [
      debPackage(long, { version: long, purl: `pkg:generic/${long}`, locations: [{ path: `/${long}`, layer: null }] }),
      debPackage('nul\0name', {
        version: '1\0',
        locations: [{ path: '/a\0b', layer: null }],
        licenses: ['\uD800'],
        upstreams: [{ name: 'u\0', version: '\uDFFF' }],
      }),
      debPackage('"quotes", {braces} \\ and $1', { version: 'null' }),
    ]
    const ids = [long, 'CVE\0', '\uE000']
    const report = scanReport('odd', {
      packages: odd,
      distro: { id: 'd\0', versionId: '\uD800', prettyName: null },
      engines: [
        engineReport({
          vulnerabilities: ids.map((id) => vulnerability(id, { description: `\0${id}`, severityGiven: '\0', namespace: id })),
          matches: odd.map((_package, position) => match(position, position, { fixVersions: ['\0'] })),
        }),
      ],
    })
    const stored = await inventory.ingest(report)
    expect(stored.outcomes[0]?.findingCount).toBe(3)
    const again = await inventory.ingest(report)
    expect(again.events.map((event) => event.type)).toEqual(['image.scanned'])
    expect(await countOf('package')).toBe(3)
  })

  it('refuses a match that names a package that is not there, and a report of another image', async () => {
    const report = scanReport('shop', { engines: [engineReport({ vulnerabilities: [vulnerability('CVE-1')], matches: [match(0, 0)] })] })
    await expect(inventory.ingest(report)).rejects.toMatchObject({ code: 'report-invalid' })
    const other = {
      report: receiveReport(scanReport('shop')),
      run: { id: '0190d7a2-6c1e-7d5b-8b0a-000000000001', digest: digestOf('other') },
      attempt: { id: '1' },
      activeGenerations: [],
    }
    await expect(inventory.results.database.inTransaction((tx) => inventory.reports.store(tx, other))).rejects.toMatchObject({
      code: 'report-invalid',
    })
    expect(await countOf('image')).toBe(0)
  })
})
