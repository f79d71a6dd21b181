import { gzipSync } from 'node:zlib'
import { Readable } from 'node:stream'
import {
  FindingPage,
  ImageDetail,
  ImagePackagePage,
  ImagePage,
  ListFindingsQuery,
  ListImagesQuery,
  ListPackagesQuery,
  MisconfigurationFindingPage,
  SecretFindingPage,
  type Severity,
  severityRank,
  VulnerabilityDetail,
} from '@pharos/contracts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { debPackage, digestOf, engineReport, match, resolvedImage, scanReport, vulnerability } from '../ingest/__tests__/report-builder.js'
import { createReads, principalFor, type Reads, walk } from './__tests__/reads-harness.js'

const everything = principalFor(null)
const teamA = principalFor(['registry.example/team-a/*'])
const severities = Object.keys(severityRank) as Severity[]
const indexDigest = digestOf('index')
const oddName = 'odd_100%\0name'
let reads: Reads

function reference(repository: string, tag: string | null = 'v1') {
  return { registry: 'registry.example', repository, tag }
}

beforeAll(async () => {
  reads = await createReads()
  const packages = Array.from({ length: 25 }, (_value, index) =>
    debPackage(`package-${String(index % 7)}`, { version: `1.${index}`, type: index % 3 === 0 ? 'npm' : 'deb' }),
  ).concat(debPackage(oddName))
  const vulnerabilities = Array.from({ length: 24 }, (_value, index) =>
    vulnerability(`CVE-2026-${index}`, {
      severity: severities[index % 6]!,
      epss: index % 4 === 0 ? null : { probability: (index % 5) / 10, percentile: 0.5, date: null },
      kev: index % 8 === 0 ? { dateAdded: null, dueDate: null, ransomware: false } : null,
    }),
  )
  const matches = packages.map((_package, index) =>
    match(index, index % 24, { risk: (index % 5) * 10.1, fixState: index % 2 === 0 ? 'fixed' : 'wont-fix' }),
  )
  const secret = {
    rule: 'private-key',
    category: 'AsymmetricPrivateKey',
    title: 'Key',
    severity: 'high',
    path: '/key\0.pem',
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
    severity: 'medium' as const,
    target: 'Dockerfile',
    urls: [],
  }
  await reads.inventory.ingest(
    scanReport('shop', {
      image: resolvedImage('shop', {
        indexDigest,
        indexPlatforms: [
          { platform: 'linux/amd64', digest: digestOf('shop') },
          { platform: 'linux/arm64', digest: digestOf('shop-arm') },
        ],
      }),
      packages,
      engines: [
        engineReport({ vulnerabilities, matches }),
        engineReport({ engine: 'trivy', secrets: [secret, { ...secret, startLine: 9 }], misconfigurations: [misconfiguration] }),
      ],
    }),
  )
  await reads.inventory.ingest(
    scanReport('shop-arm', {
      image: resolvedImage('shop-arm', { platform: 'linux/arm64', reference: reference('team-a/shop'), indexDigest }),
    }),
  )
  const names: [string, string, string][] = [
    ['b-cart', 'team-b/cart', 'v1'],
    ['under', 'team-a/a_b', 'v1'],
    ['dash', 'team-a/a-b', 'v1'],
    ['alpine', 'library/alpine', '3.18'],
  ]
  for (const [name, repository, tag] of names) {
    await reads.inventory.ingest(
      scanReport(name, {
        image: resolvedImage(name, { reference: reference(repository, tag) }),
        packages: [debPackage('lodash')],
        engines: [
          engineReport({
            vulnerabilities: [
              vulnerability('GHSA-1', { canonicalId: 'CVE-2026-1', aliases: ['GHSA-1', 'CVE-2026-1', 'OTHER-1'], severity: 'low' }),
            ],
            matches: [match(0, 0)],
          }),
        ],
      }),
    )
  }
  await reads.catalogues.put({
    digest: digestOf('shop'),
    identity: { cataloguer: 'syft', version: '1.57.0', configuration: 'a1b2' },
    body: Readable.from([gzipSync(JSON.stringify({ artifacts: [{ id: 'a', name: 'x', version: '1' }] }))]),
  })
})
afterAll(() => reads.inventory.results.close())

const listImages = (query: object, who = everything) => reads.imageLists.list(ListImagesQuery.parse(query), who)
const namesOf = async (query: object, who = everything) => (await listImages(query, who)).items.map((item) => item.references[0])

describe('a list of images', () => {
  it('fits the contract', async () => {
    const page = await listImages({})
    expect(ImagePage.parse(page)).toEqual(page)
    expect(page.items).toHaveLength(6)
    expect(page.items.find((item) => item.digest === digestOf('shop'))).toMatchObject({
      packageCount: 26,
      distro: 'debian 12',
      engines: [
        { engine: 'grype', findingCount: 26 },
        { engine: 'trivy', findingCount: 0 },
      ],
    })
  })

  it.each([
    ['a_b', ['registry.example/team-a/a_b:v1']],
    ['%', []],
    ['alpine*', ['registry.example/library/alpine:3.18']],
    ['*/alpine:3.*', ['registry.example/library/alpine:3.18']],
    ['alpine:3.1', ['registry.example/library/alpine:3.18']],
    ['lpine*', []],
    [digestOf('dash').slice(0, 30), ['registry.example/team-a/a-b:v1']],
    [String.raw`a\_b`, []],
  ])('search for %s finds %j', async (search, expected) => {
    expect(await namesOf({ search })).toEqual(expected)
  })

  it('by severity shows images with an open finding of it', async () => {
    expect(await namesOf({ severity: 'critical,high' })).toEqual(['registry.example/team-a/shop:v1'])
    await expect(listImages({ severity: 'bad' })).rejects.toMatchObject({ code: 'filter-invalid' })
  })

  it.each(ListImagesQuery.shape.sort.unwrap().options)('walked by %s in pages of 2 equals one page', async (sort) => {
    const whole = (await listImages({ sort, limit: 500 })).items.map((item) => item.digest)
    const walked = await walk((cursor) => listImages({ sort, limit: 2, cursor }))
    expect(walked.map((item) => item.digest)).toEqual(whole)
    expect(new Set(whole).size).toBe(6)
  })

  it('refuses the cursor of another order', async () => {
    const { nextCursor } = await listImages({ sort: '-risk', limit: 1 })
    await expect(listImages({ sort: 'digest', cursor: nextCursor })).rejects.toMatchObject({ code: 'cursor-invalid' })
  })
})

describe('an image', () => {
  it('fits the contract and is found by manifest, index and configuration', async () => {
    const detail = await reads.view.detail(digestOf('shop'), null)
    expect(ImageDetail.parse(detail)).toEqual(detail)
    expect(detail).toMatchObject({
      indexDigests: [indexDigest],
      labels: { team: 'a' },
      createdAt: '2026-10-01T10:00:00.123Z',
      catalogue: { version: '1.57.0', unreadable: [] },
      layers: [{ diffId: digestOf('shop diff') }],
    })
    expect((await reads.view.detail(indexDigest, null)).digest).toBe(digestOf('shop'))
    expect((await reads.view.detail(digestOf('shop-arm config'), null)).digest).toBe(digestOf('shop-arm'))
  })
})

describe('findings of an image', () => {
  const list = (query: object) => reads.findings.list(digestOf('shop'), ListFindingsQuery.parse(query), everything)

  it('fit the contract, with all that was reported', async () => {
    const page = await list({ limit: 500 })
    expect(FindingPage.parse(page)).toEqual(page)
    const odd = page.items.find((item) => item.package.name === oddName)
    expect(odd).toMatchObject({
      vulnerability: { id: 'CVE-2026-1', namespace: 'debian:distro:debian:12' },
      fix: { versions: ['1.2.4'] },
      state: 'open',
      locations: [{ path: '/var/lib/dpkg/status' }, {}],
      matchDetails: [{ matcher: 'dpkg-matcher' }],
    })
    expect(page.items.some((item) => item.vulnerability.kev !== null && item.vulnerability.epss === null)).toBe(true)
  })

  it.each(ListFindingsQuery.shape.sort.unwrap().options)('walked by %s in pages of 3 equal one page', async (sort) => {
    const whole = (await list({ sort, limit: 500 })).items.map((item) => item.id)
    expect(whole).toHaveLength(26)
    expect((await walk((cursor) => list({ sort, limit: 3, cursor }))).map((item) => item.id)).toEqual(whole)
  })

  it.each([
    [{ severity: 'critical,low' }, (item: FindingPage['items'][number]) => ['critical', 'low'].includes(item.vulnerability.severity)],
    [{ minRisk: 20.2 }, (item: FindingPage['items'][number]) => item.risk >= 20.2],
    [{ kev: 'true' }, (item: FindingPage['items'][number]) => item.vulnerability.kev !== null],
    [{ fix: 'fixed' }, (item: FindingPage['items'][number]) => item.fix.state === 'fixed'],
    [{ package: 'package-3' }, (item: FindingPage['items'][number]) => item.package.name === 'package-3'],
    [{ package: 'odd_100%*' }, (item: FindingPage['items'][number]) => item.package.name === oddName],
    [{ type: 'npm' }, (item: FindingPage['items'][number]) => item.package.type === 'npm'],
    [{ vulnerability: 'GHSA-1' }, (item: FindingPage['items'][number]) => item.vulnerability.id === 'CVE-2026-1'],
    [{ engine: 'trivy' }, () => false],
    [{ state: 'gone' }, () => false],
  ])('filtered by %j are those of all that it fits', async (filter, fits) => {
    const all = (await list({ limit: 500, state: 'all' })).items
    const found = (await list({ limit: 500, ...filter })).items
    expect(found.map((item) => item.id)).toEqual(all.filter(fits).map((item) => item.id))
  })

  it('secrets and misconfigurations fit the contract', async () => {
    const secrets = await reads.issues.listSecrets(digestOf('shop'), { limit: 1 }, null)
    expect(SecretFindingPage.parse(secrets)).toEqual(secrets)
    expect(await walk((cursor) => reads.issues.listSecrets(digestOf('shop'), { limit: 1, cursor }, null))).toHaveLength(2)
    const misconfigurations = await reads.issues.listMisconfigurations(digestOf('shop'), { limit: 5 }, null)
    expect(MisconfigurationFindingPage.parse(misconfigurations)).toEqual(misconfigurations)
    expect(misconfigurations.items).toHaveLength(1)
  })
})

describe('packages of an image', () => {
  const list = (query: object) => reads.packages.list(digestOf('shop'), ListPackagesQuery.parse(query), null)

  it('fit the contract, in pages and filtered', async () => {
    const page = await list({ limit: 500 })
    expect(ImagePackagePage.parse(page)).toEqual(page)
    expect(page.items).toHaveLength(26)
    expect((await walk((cursor) => list({ limit: 4, cursor }))).map((item) => item.id)).toEqual(page.items.map((item) => item.id))
    expect((await list({ name: 'odd_*' })).items.map((item) => [item.name, item.licenses])).toEqual([[oddName, ['GPL-2']]])
    expect((await list({ type: 'npm', limit: 500 })).items).toHaveLength(9)
  })
})

describe('a vulnerability', () => {
  it('is found by any id or alias, with the images that it affects', async () => {
    const byAlias = await reads.vulnerabilities.detail('OTHER-1', { limit: 50 }, null)
    expect(VulnerabilityDetail.parse(byAlias)).toEqual(byAlias)
    expect(byAlias).toMatchObject({ id: 'CVE-2026-1', records: [{ nativeId: 'CVE-2026-1' }, { nativeId: 'GHSA-1' }] })
    expect(byAlias.affects).toHaveLength(5)
    expect(await reads.vulnerabilities.detail('CVE-2026-1', { limit: 50 }, null)).toEqual(byAlias)
    const walked = await walk(async (cursor) => {
      const { affects, nextCursor } = await reads.vulnerabilities.detail('GHSA-1', { limit: 2, cursor }, null)
      return { items: affects, nextCursor }
    })
    expect(walked).toEqual(byAlias.affects)
    await expect(reads.vulnerabilities.detail('CVE-0', { limit: 1 }, null)).rejects.toMatchObject({ code: 'not-found' })
  })
})

describe('scope', () => {
  it('hides images, their facts and what they are affected by', async () => {
    expect(await namesOf({}, teamA)).toHaveLength(4)
    expect(await namesOf({ search: 'cart' }, teamA)).toEqual([])
    expect(await namesOf({}, principalFor([]))).toEqual([])
    const patterns = ['registry.example/team-a/%']
    const hidden = digestOf('b-cart')
    const reading = [
      () => reads.view.detail(hidden, patterns),
      () => reads.findings.list(hidden, ListFindingsQuery.parse({}), teamA),
      () => reads.issues.listSecrets(hidden, { limit: 1 }, patterns),
      () => reads.issues.listMisconfigurations(hidden, { limit: 1 }, patterns),
      () => reads.packages.list(hidden, ListPackagesQuery.parse({}), patterns),
      () => reads.contexts.list(hidden, patterns),
      () => reads.sboms.open(hidden, 'syft', patterns),
      () => reads.images.remove(hidden, teamA),
    ]
    for (const read of reading) await expect(read()).rejects.toMatchObject({ code: 'not-found' })
    const { affects } = await reads.vulnerabilities.detail('CVE-2026-1', { limit: 50 }, patterns)
    expect(affects.map((image) => image.digest).sort()).toEqual([digestOf('shop'), digestOf('under'), digestOf('dash')].sort())
  })

  it('shows an image that a second team has too, under the names in its scope only', async () => {
    await reads.inventory.results.database.inTransaction((tx) =>
      reads.inventory.images.upsertResolved(tx, resolvedImage('b-cart', { reference: reference('team-c/copy') })),
    )
    expect(await namesOf({}, principalFor(['registry.example/team-c/*']))).toEqual(['registry.example/team-c/copy:v1'])
  })
})

describe('removing an image', () => {
  it('removes all that is known of it, is audited and makes an event', async () => {
    await reads.images.remove(digestOf('dash'), everything)
    await expect(reads.view.detail(digestOf('dash'), null)).rejects.toMatchObject({ code: 'not-found' })
    expect(await reads.eventBodies()).toContainEqual({
      type: 'image.removed',
      digest: digestOf('dash'),
      repositories: [expect.stringMatching(/^registry\.example\//)],
    })
    expect(await reads.inventory.query('select action, subject, principal from audit_event')).toEqual([
      { action: 'image.remove', subject: digestOf('dash'), principal: 'user:ana' },
    ])
    const left = await reads.inventory.query(`select 1 from finding f where not exists (select from image i where i.id = f.image_id)
      union all select 1 from image_package p where not exists (select from image i where i.id = p.image_id)`)
    expect(left).toEqual([])
  })
})
