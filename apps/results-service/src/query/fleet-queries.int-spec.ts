import {
  FacetsAnswer,
  FacetsQuery,
  FieldValuesQuery,
  FilteredPageQuery,
  FleetPackagePage,
  FleetWorkloadPage,
  ListImagesQuery,
  QueryPackages,
  QueryWorkloads,
  VulnerabilityImagePage,
} from '@pharos/contracts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { debPackage, digestOf, engineReport, match, resolvedImage, scanReport, vulnerability } from '../ingest/__tests__/report-builder.js'
import { createQueries } from '../inventory/__tests__/queries-harness.js'
import { createReads, principalFor, type Reads, walk } from '../inventory/__tests__/reads-harness.js'

const everything = principalFor(null)
const teamA = principalFor(['registry.example/team-a/*'])
let reads: Reads

/** Which package, in which versions, each image holds; log4j-core is known to no database. */
const images: [name: string, repository: string, packages: [name: string, version: string, type: string][]][] = [
  [
    'old',
    'team-a/old',
    [
      ['log4j-core', '2.14.1', 'java-archive'],
      ['openssl', '3.0.9-1', 'deb'],
    ],
  ],
  [
    'new',
    'team-a/new',
    [
      ['log4j-core', '2.17.1', 'java-archive'],
      ['openssl', '3.0.11-1~deb12u2', 'deb'],
    ],
  ],
  [
    'both',
    'team-b/both',
    [
      ['log4j-core', '2.17.1', 'java-archive'],
      ['log4j-core', '2.9.0', 'java-archive'],
      ['openssh', '9.2', 'deb'],
    ],
  ],
  ['none', 'team-b/none', [['zlib', '1.3', 'deb']]],
]

beforeAll(async () => {
  reads = await createReads()
  for (const [name, repository, packages] of images) {
    await reads.inventory.ingest(
      scanReport(name, {
        image: resolvedImage(name, { reference: { registry: 'registry.example', repository, tag: 'v1' } }),
        packages: packages.map(([packageName, version, type], at) =>
          debPackage(packageName, { version, type, locations: [{ path: `/place-${at}`, layer: null }] }),
        ),
        engines: [
          engineReport({
            vulnerabilities: [
              vulnerability('CVE-2026-1', { severity: 'critical', aliases: ['CVE-2026-1', 'GHSA-x'] }),
              vulnerability('CVE-2026-2', { severity: 'low' }),
            ],
            matches: packages.flatMap(([packageName], at) => (packageName === 'openssl' ? [match(at, 0, { risk: 90 }), match(at, 1)] : [])),
          }),
        ],
      }),
    )
  }
  await reads.inventory.query(
    `insert into workload_source (cluster, sequence, snapshot_hash, observed_at, received_at, workload_count, stale_since) values ('eu', 1, gen_random_uuid(), now(), now(), 3, null), ('us', 1, gen_random_uuid(), now(), now(), 1, now())`,
  )
  const workloads: [string, string, string, string, string | null][] = [
    ['eu', 'payments', 'old', 'team-a/old', 'team-payments'],
    ['eu', 'payments', 'both', 'team-b/both', null],
    ['eu', 'shop', 'new', 'team-a/new', 'team-shop'],
    ['us', 'shop', 'strange', 'team-a/strange', null],
  ]
  for (const [cluster, namespace, name, repository, owner] of workloads) {
    await reads.inventory.query(
      `insert into workload (cluster, namespace, kind, name, container, digest, image_id, platform, reference, repository, owner, since)
       values ($1, $2, 'Deployment', $3, 'main', $4, (select id from image where digest = $4), 'linux/amd64', $5 || ':v1', $5, $6, now())`,
      [cluster, namespace, name, digestOf(name), `registry.example/${repository}`, owner],
    )
  }
})
afterAll(() => reads.inventory.results.close())

const nameOf = (digest: string): string => images.find(([name]) => digestOf(name) === digest)?.[0] ?? digest

describe('images by filter', () => {
  const find = async (filter: string, who = everything) =>
    (await reads.imageLists.list(ListImagesQuery.parse({ filter, sort: 'digest' }), who)).items.map((item) => nameOf(item.digest)).sort()

  it.each([
    ['package.name = log4j-core and package.version < "2.17"', ['both', 'old']],
    ['package.name = log4j-core and not (package.version < "2.17")', ['new']],
    ['not (package.name = log4j-core and package.version < "2.17")', ['new', 'none']],
    ['package.name = openssl and package.version < 3.0.11-1', ['new', 'old']],
    ['package.name ~ "open*"', ['both', 'new', 'old']],
    ['package.name ~ "*ss*" and package.version = 9.2', ['both']],
    ['package.type = deb and package.version >= 3', ['both', 'new', 'old']],
    ['vulnerability = GHSA-x', ['new', 'old']],
    ['vulnerability = CVE-2026-1 and severity = low', []],
    ['vulnerability = CVE-2026-1 and package.name = log4j-core', []],
    ['severity = critical and package.name = openssl', ['new', 'old']],
    ['severity = critical', ['new', 'old']],
    ['critical > 0 and low = 1', ['new', 'old']],
    ['maxRisk < 50', ['both', 'none']],
    ['running = true', ['both', 'new', 'old']],
    ['namespace = payments and cluster = eu', ['both', 'old']],
    ['namespace = payments and owner = team-shop', []],
    ['not (owner ~ "*")', ['both', 'none']],
    ['repository ~ "registry.example/team-b/*" and tag = v1', ['both', 'none']],
    ['lastScanned > -90s', ['both', 'none']],
    ['packageCount = 3 or sizeBytes < 10', ['both']],
    ['deleted = false and distro = "debian 12" and platform = linux/amd64 and createdAt < 2027-01-01', ['both', 'new', 'none', 'old']],
  ])('%s are %j', async (filter, expected) => {
    expect(await find(filter)).toEqual(expected)
    const large = createQueries(reads.inventory.results.database, reads.inventory.clock, true)
    const { items } = await large.images.list(ListImagesQuery.parse({ filter }), everything)
    expect(items.map((item) => nameOf(item.digest)).sort()).toEqual(expected)
  })

  it('are those in scope, whatever a workload out of scope runs', async () => {
    expect(await find('package.name = log4j-core', teamA)).toEqual(['new', 'old'])
    expect(await find('namespace = payments', teamA)).toEqual(['old'])
    const counted = await reads.imageLists.list(ListImagesQuery.parse({ filter: 'running = true', limit: 1, count: 'true' }), everything)
    expect(counted).toMatchObject({ count: { count: 3, isCapped: false }, prevCursor: null })
  })
})

describe('packages of the fleet', () => {
  const list = (query: object, who = everything) => reads.fleetPackages.list(QueryPackages.parse(query), who)

  it('are each listed once, with images and vulnerabilities', async () => {
    const page = await list({ count: 'true' })
    expect(FleetPackagePage.parse(page)).toEqual(page)
    expect(page.items.map(({ name, version, images: { count }, vulnerabilities }) => [name, version, count, vulnerabilities])).toEqual([
      ['log4j-core', '2.14.1', 1, 0],
      ['log4j-core', '2.17.1', 2, 0],
      ['log4j-core', '2.9.0', 1, 0],
      ['openssh', '9.2', 1, 0],
      ['openssl', '3.0.9-1', 1, 2],
      ['openssl', '3.0.11-1~deb12u2', 1, 2],
      ['zlib', '1.3', 1, 0],
    ])
    expect(page.count).toEqual({ count: 7, isCapped: false })
  })

  it.each([
    ['package.version >= 2.17 and package.type = java-archive', ['log4j-core']],
    ['severity = critical', ['openssl', 'openssl']],
    ['kev = true', []],
    ['fix = fixed and engine = grype and vulnerability = CVE-2026-2', ['openssl', 'openssl']],
    ['repository ~ "*/both"', ['log4j-core', 'log4j-core', 'openssh']],
    ['namespace = shop', ['log4j-core', 'openssl']],
    ['running = false', ['zlib']],
  ])('by %s are %j', async (filter, expected) => {
    expect((await list({ filter })).items.map(({ name }) => name)).toEqual(expected)
  })

  it.each(['name', '-name'])('walked by %s forth and back in pages of 2 equal one page, in scope', async (sort) => {
    const whole = (await list({ sort }, teamA)).items.map(({ id }) => id)
    expect(whole).toHaveLength(4)
    expect((await walk((cursor) => list({ sort, limit: 2, cursor }, teamA))).map(({ id }) => id)).toEqual(whole)
    const second = await list({ sort, limit: 2, cursor: (await list({ sort, limit: 2 }, teamA)).nextCursor ?? undefined }, teamA)
    expect((await list({ sort, limit: 2, cursor: second.prevCursor ?? undefined }, teamA)).items.map(({ id }) => id)).toEqual(
      whole.slice(0, 2),
    )
  })
})

describe('workloads of the fleet', () => {
  const list = (query: object, who = everything) => reads.fleetWorkloads.list(QueryWorkloads.parse(query), who)
  const namesOf = async (query: object, who = everything) => (await list(query, who)).items.map(({ name }) => name)

  it('fit the contract, with what they run and whether that is known', async () => {
    const page = await list({ count: 'true' })
    expect(FleetWorkloadPage.parse(page)).toEqual(page)
    expect(page.items.map(({ name, image, isStale }) => [name, image && nameOf(image.digest), isStale])).toEqual([
      ['both', 'both', false],
      ['old', 'old', false],
      ['new', 'new', false],
      ['strange', null, true],
    ])
    expect(page.count).toEqual({ count: 4, isCapped: false })
  })

  it.each([
    ['cluster = eu and namespace = shop', ['new']],
    ['vulnerability = CVE-2026-1', ['old', 'new']],
    ['vulnerability = CVE-2026-1 and namespace = payments', ['old']],
    ['package.name = log4j-core and package.version < 2.17', ['both', 'old']],
    ['repository ~ "*/strange" or owner = team-shop', ['new', 'strange']],
    ['tag = v1 and kind = Deployment and container = main', ['both', 'old', 'new']],
    [`image = ${digestOf('old')} and since > -1h`, ['old']],
  ])('by %s are %j', async (filter, expected) => {
    expect(await namesOf({ filter })).toEqual(expected)
  })

  it.each(['name', '-name'])('walked by %s forth and back in pages of 1 equal one page, in scope', async (sort) => {
    const whole = await namesOf({ sort }, teamA)
    expect([...whole].sort()).toEqual(['new', 'old', 'strange'])
    expect((await walk((cursor) => list({ sort, limit: 1, cursor }, teamA))).map(({ name }) => name)).toEqual(whole)
    const second = await list({ sort, limit: 1, cursor: (await list({ sort, limit: 1 }, teamA)).nextCursor ?? undefined }, teamA)
    expect(await namesOf({ sort, limit: 1, cursor: second.prevCursor ?? undefined }, teamA)).toEqual(whole.slice(0, 1))
  })
})

describe('a vulnerability', () => {
  const list = (query: object, who = everything) => reads.vulnerableImages.list('GHSA-x', FilteredPageQuery.parse(query), who)

  it('leads to images and to the workloads that run them', async () => {
    const page = await list({ count: 'true' })
    expect(VulnerabilityImagePage.parse(page)).toEqual(page)
    expect(
      page.items.map((item) => [nameOf(item.digest), item.packages.map(({ name }) => name), item.workloads.map(({ name }) => name)]),
    ).toEqual([
      ['old', ['openssl'], ['old']],
      ['new', ['openssl'], ['new']],
    ])
    expect(page.count).toEqual({ count: 2, isCapped: false })
    expect((await list({ filter: 'namespace = shop' })).items.map(({ digest }) => nameOf(digest))).toEqual(['new'])
    expect((await list({}, principalFor(['registry.example/team-b/*']))).items).toEqual([])
    const second = await list({ limit: 1, cursor: (await list({ limit: 1 })).nextCursor ?? undefined })
    expect(second.items.map(({ digest }) => nameOf(digest))).toEqual(['new'])
    expect((await list({ limit: 1, cursor: second.prevCursor ?? undefined })).items.map(({ digest }) => nameOf(digest))).toEqual(['old'])
  })
})

describe('facets', () => {
  const count = (query: object, who = everything) => reads.facets.count(FacetsQuery.parse(query), who)
  const values = async (field: string, q: string, who = everything) =>
    (await reads.facets.values(FieldValuesQuery.parse({ field, q }), who)).values

  it('count findings by value', async () => {
    const fields =
      'severity,fix,engine,kev,state,status,suppressed,package.name,package.type,vulnerability,source,repository,platform,cluster,namespace,owner'
    const answer = await count({ fields })
    expect(FacetsAnswer.parse(answer)).toEqual(answer)
    expect(answer).toMatchObject({ counted: 4, isCapped: false })
    const of = Object.fromEntries(
      answer.facets.map(({ field, values: found }) => [
        field,
        Object.fromEntries(found.map(({ value, count: number }) => [value, number])),
      ]),
    )
    expect(of).toEqual({
      severity: { critical: 2, low: 2 },
      fix: { fixed: 4 },
      engine: { grype: 4 },
      kev: { false: 4 },
      state: { open: 4 },
      status: { new: 4 },
      suppressed: { false: 4 },
      'package.name': { openssl: 4 },
      'package.type': { deb: 4 },
      vulnerability: { 'CVE-2026-1': 2, 'CVE-2026-2': 2 },
      source: { 'debian:distro:debian:12': 4 },
      repository: { 'registry.example/team-a/new': 2, 'registry.example/team-a/old': 2 },
      platform: { 'linux/amd64': 4 },
      cluster: { eu: 4 },
      namespace: { payments: 2, shop: 2 },
      owner: { 'team-payments': 2, 'team-shop': 2 },
    })
  })

  it('count what the filter leaves and the caller may see, and say when there are more values', async () => {
    expect(await count({ fields: 'severity', filter: 'namespace = shop and severity = low' })).toMatchObject({ counted: 1 })
    expect(await count({ fields: 'severity' }, principalFor(['registry.example/team-b/*']))).toMatchObject({
      counted: 0,
      facets: [{ values: [] }],
    })
    expect(await count({ fields: 'severity', limit: 1 })).toMatchObject({ facets: [{ values: [{ count: 2 }], hasMore: true }] })
    await expect(count({ fields: 'colour' })).rejects.toMatchObject({ code: 'filter-invalid' })
  })

  it.each([
    ['package.name', 'SS', ['openssh', 'openssl']],
    ['package.type', 'arch', ['java-archive']],
    ['vulnerability', '2026-', ['CVE-2026-1', 'CVE-2026-2']],
    ['repository', 'team-a', ['registry.example/team-a/new', 'registry.example/team-a/old']],
    ['cluster', '', ['eu', 'us']],
    ['namespace', 'pay', ['payments']],
    ['workload', 'o', ['both', 'old']],
    ['owner', 'shop', ['team-shop']],
    ['package.name', '%', []],
  ])('values of %s that hold "%s" are %j', async (field, q, expected) => {
    expect(await values(field, q)).toEqual(expected)
  })

  it('values are those of what the caller may see', async () => {
    const teamB = principalFor(['registry.example/team-b/*'])
    expect(await values('package.name', 'open', teamB)).toEqual(['openssh'])
    expect(await values('vulnerability', '', teamB)).toEqual([])
    expect(await values('owner', '', teamB)).toEqual([])
  })
})
