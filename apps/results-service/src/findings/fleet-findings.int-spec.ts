import {
  compare,
  type FilterComparison,
  type FilterNode,
  FindingPage,
  joinFilters,
  printFilter,
  QueryFindings,
  type Severity,
  severityRank,
} from '@pharos/contracts'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { debPackage, digestOf, engineReport, match, resolvedImage, scanReport, vulnerability } from '../ingest/__tests__/report-builder.js'
import { createReads, principalFor, type Reads, walk } from '../inventory/__tests__/reads-harness.js'
import { createQueries } from '../inventory/__tests__/queries-harness.js'
import { matchesGlob } from '../access/repository-scope.js'

const everything = principalFor(null)
const severities: Severity[] = ['critical', 'high', 'medium', 'low', 'negligible', 'unknown']
let reads: Reads
let facts: Fact[]

/** What is known of a finding, read without any of the code under test. */
interface Fact {
  id: string
  digest: string
  repository: string
  engine: 'grype' | 'trivy'
  severity: Severity
  risk: number
  epss: number | null
  kev: boolean
  fix: string
  state: 'open' | 'gone'
  vulnerability: string[]
  group_id: string
  type: string
  name: string
  version: string
  place: string | null
}

/** Numbers that look random and are the same in each run. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((state / 2_147_483_648) * below)
  }
}

function randomReport(image: number, gone: boolean) {
  const next = numbers(image + 1)
  const packages = Array.from({ length: 6 }, (_value, at) =>
    debPackage(`package-${(image + at) % 9}`, {
      version: `1.${(image + at) % 12}.0`,
      type: at % 2 === 0 ? 'npm' : 'deb',
      locations: at === 5 ? [] : [{ path: `/place-${at}`, layer: digestOf(`layer ${image} ${at % 2}`) }],
    }),
  )
  const vulnerabilities = Array.from({ length: 10 }, (_value, at) =>
    vulnerability(`GHSA-${at}`, {
      canonicalId: `CVE-${at}`,
      aliases: [`GHSA-${at}`, `CVE-${at}`],
      severity: severities[at % 6] ?? 'low',
      epss: at % 3 === 0 ? null : { probability: at / 10, percentile: 0.5, date: null },
      kev: at % 4 === 0 ? { dateAdded: null, dueDate: null, ransomware: false } : null,
    }),
  )
  const ofGrype = packages.flatMap((_package, position) =>
    [next(10), next(10)].map((at) => match(position, at, { risk: at * 7.3, fixState: at % 2 === 0 ? 'fixed' : 'wont-fix' })),
  )
  // The same packages, one of them without its place, and ids of its own for the same flaws.
  const trivyPackages = packages.map((one) => ({ ...one, purl: `${one.purl}&t`, ...(next(3) === 0 ? { locations: [] } : {}) }))
  const trivyVulnerabilities = vulnerabilities.map((_one, at) =>
    vulnerability(`CVE-${at}`, {
      namespace: 'trivy',
      aliases: [`CVE-${at}`],
      severity: severities[(at + 1) % 6] ?? 'low',
      epss: null,
      kev: null,
    }),
  )
  const ofTrivy = packages.flatMap((_package, position) => [
    match(packages.length + position, next(10), { risk: 0, fixState: 'unknown', details: [] }),
  ])
  return scanReport(`image-${image}`, {
    image: resolvedImage(`image-${image}`, {
      reference: { registry: 'registry.example', repository: `team-${image % 3}/app-${image}`, tag: 'v1' },
    }),
    packages: [...packages, ...trivyPackages],
    engines: [
      engineReport({ vulnerabilities, matches: gone ? ofGrype.slice(0, 6) : ofGrype }),
      ...(image % 2 === 0 ? [engineReport({ engine: 'trivy', vulnerabilities: trivyVulnerabilities, matches: ofTrivy })] : []),
    ],
  })
}

beforeAll(async () => {
  reads = await createReads()
  for (let image = 0; image < 12; image += 1) await reads.inventory.ingest(randomReport(image, false))
  for (let image = 0; image < 4; image += 1) await reads.inventory.ingest(randomReport(image, true))
  facts = await reads.inventory.query<Fact>(
    `select 'f_' || replace(f.id::text, '-', '') as id, i.digest, (select r.repository from image_reference r where r.image_id = i.id limit 1) as repository,
            case f.engine when 1 then 'grype' else 'trivy' end as engine, (array['unknown', 'negligible', 'low', 'medium', 'high', 'critical'])[f.severity + 1] as severity,
            s.risk, s.epss, f.is_kev as kev, (array['unknown', 'fixed', 'not-fixed', 'wont-fix'])[f.fix_state + 1] as fix, case when f.is_open then 'open' else 'gone' end as state,
            array(select a.alias from vulnerability_alias a where a.group_id = v.group_id) as vulnerability, v.group_id, p.type, p.name, p.version, o.detail -> 'locations' -> 0 ->> 'path' as place
       from finding f join image i on i.id = f.image_id join vulnerability v on v.id = f.vulnerability_id join vulnerability_score s on s.vulnerability_id = v.id
       join package p on p.id = f.package_id join image_package o on o.image_id = f.image_id and o.occurrence = f.occurrence`,
  )
})
afterAll(() => reads.inventory.results.close())

const query = (given: object, who = everything) => reads.findings.query(QueryFindings.parse(given), who)
const queryLarge = (given: object, who = everything) =>
  createQueries(reads.inventory.results.database, reads.inventory.clock, true).findings.query(QueryFindings.parse(given), who)

function compares(
  { operator, values }: FilterComparison,
  actual: string | number | boolean | null,
  rank?: (value: string) => number,
): boolean {
  const order = (value: string | number | boolean): number =>
    rank === undefined ? (actual! < value ? -1 : actual! > value ? 1 : 0) : rank(String(actual)) - rank(String(value))
  const [value = ''] = values
  if (operator === 'in') return values.includes(actual as string)
  if (operator === '~') return matchesGlob(String(value), String(actual))
  const sign = order(value)
  return { '=': sign === 0, '!=': sign !== 0, '<': sign < 0, '<=': sign <= 0, '>': sign > 0, '>=': sign >= 0 }[operator]
}

function fits(node: FilterNode, fact: Fact): boolean {
  if (node.kind === 'not') return !fits(node.operand, fact)
  if (node.kind !== 'comparison') {
    return node.kind === 'and'
      ? node.operands.every((operand) => fits(operand, fact))
      : node.operands.some((operand) => fits(operand, fact))
  }
  switch (node.field) {
    case 'severity':
      return compares(node, fact.severity, (value) => severityRank[value as Severity])
    case 'risk':
      return compares(node, Math.fround(fact.risk))
    case 'epss':
      return fact.epss === null ? node.operator === '!=' : compares(node, fact.epss)
    case 'vulnerability':
      return node.operator === '!='
        ? !fact.vulnerability.includes(String(node.values[0]))
        : node.values.some((value) => fact.vulnerability.includes(String(value)))
    case 'package.name':
      return compares(node, fact.name)
    case 'package.type':
      return compares(node, fact.type)
    case 'package.version': {
      const minor = (version: string) => Number(version.split('.')[1])
      return compares(node, fact.version, minor)
    }
    case 'image':
      return compares(node, fact.digest)
    case 'repository':
      return compares(node, fact.repository)
    default:
      return compares(node, fact[node.field as 'kev' | 'fix' | 'engine' | 'state'])
  }
}

/** Findings of several engines on one vulnerability of one package of an image are one row: that of the first engine. */
function rowsOf(fitting: readonly Fact[]): string[] {
  const isSame = (one: Fact, other: Fact) =>
    one.digest === other.digest &&
    one.group_id === other.group_id &&
    one.state === other.state &&
    one.engine !== other.engine &&
    one.type === other.type &&
    one.name === other.name &&
    one.version === other.version &&
    (one.place === null || other.place === null || one.place === other.place)
  return fitting.filter((fact) => fact.engine === 'grype' || !fitting.some((other) => isSame(fact, other))).map(({ id }) => id)
}

const mentions = (node: FilterNode): boolean => printFilter(node).includes('state ')

function expected(node: FilterNode): string[] {
  return rowsOf(facts.filter((fact) => fits(node, fact) && (mentions(node) || fact.state === 'open'))).sort()
}

const number = <T>(...values: T[]) => fc.constantFrom(...values)
const operators = number('=' as const, '!=' as const, '<' as const, '<=' as const, '>' as const, '>=' as const)
const term: fc.Arbitrary<FilterNode> = fc.oneof(
  fc.tuple(operators, number(...severities)).map(([operator, value]) => compare('severity', operator, value)),
  fc.tuple(operators, number(0, 7.3, 20, 43.8)).map(([operator, value]) => compare('risk', operator, Math.fround(value))),
  fc.tuple(operators, number(0, 0.4, 0.5)).map(([operator, value]) => compare('epss', operator, value)),
  fc.boolean().map((value) => compare('kev', '=', value)),
  number('fixed', 'wont-fix', 'unknown').map((value) => compare('fix', '!=', value)),
  number('grype', 'trivy').map((value) => compare('engine', '=', value)),
  number('open', 'gone').map((value) => compare('state', '=', value)),
  number('CVE-1', 'GHSA-2', 'CVE-99').map((value) => compare('vulnerability', '=', value)),
  number('CVE-1', 'GHSA-2').map((value) => compare('vulnerability', '!=', value)),
  number('package-1', 'package-2', 'none').map((value) => compare('package.name', '=', value)),
  number('pack*', '*-3', 'package-?').map((value) => compare('package.name', '~', value)),
  fc.tuple(operators, number('1.3.0', '1.10.0')).map(([operator, value]) => compare('package.version', operator, value)),
  number('npm', 'deb').map((value) => compare('package.type', '=', value)),
  number(0, 1, 5).map((value) => compare('image', '=', digestOf(`image-${value}`))),
  number('registry.example/team-1/*', '*app-1*').map((value) => compare('repository', '~', value)),
)
const filters: fc.Arbitrary<FilterNode> = fc.letrec<{ node: FilterNode }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3 },
    term,
    fc
      .tuple(number('and' as const, 'or' as const), fc.array(tie('node'), { minLength: 2, maxLength: 3 }))
      .map(([kind, operands]) => joinFilters(kind, operands)),
    tie('node').map((operand): FilterNode => ({ kind: 'not', operand })),
  ),
})).node

describe('findings of the fleet', () => {
  it.each([
    ['few', query],
    ['many', queryLarge],
  ])(
    'are, for any filter and where %s things are named, those that it fits',
    async (_number, ask) => {
      await fc.assert(
        fc.asyncProperty(filters, async (ast) => {
          const filter = printFilter(ast)
          const page = await ask({ filter, limit: 500, count: 'true' })
          expect(page.items.map(({ id }) => id).sort()).toEqual(expected(ast))
          expect(page.count).toEqual({ count: page.items.length, isCapped: false })
        }),
        { numRuns: 150 },
      )
    },
    120_000,
  )

  it.each(QueryFindings.shape.sort.unwrap().options)('walked by %s forth and back in pages of 7 equal one page', async (sort) => {
    for (const [ask, filter] of [
      [query, 'severity >= low'],
      [queryLarge, 'repository ~ "*1*"'],
      [query, `image in (${[0, 1, 2].map((image) => digestOf(`image-${image}`)).join(', ')})`],
    ] as const) {
      const whole = (await ask({ filter, sort, limit: 500 })).items.map(({ id }) => id)
      const pages: FindingPage[] = []
      const walked = await walk(async (cursor) => {
        const page = await ask({ filter, sort, limit: 7, cursor })
        pages.push(page)
        return page
      })
      expect(walked.map(({ id }) => id)).toEqual(whole)
      expect(pages[0]?.prevCursor).toBeNull()
      const back: string[] = []
      for (let cursor = pages.at(-1)?.prevCursor; cursor !== null && cursor !== undefined; ) {
        const page = await ask({ filter, sort, limit: 7, cursor })
        back.unshift(...page.items.map(({ id }) => id))
        cursor = page.prevCursor
      }
      expect([...back, ...(pages.at(-1)?.items ?? []).map(({ id }) => id)]).toEqual(whole)
    }
  })

  it('come in the order that was asked for', async () => {
    const sorted = async (sort: string) => (await query({ sort, limit: 500 })).items
    const isDescending = (values: number[]) =>
      values.every((value, at) => at === 0 || value <= (values[at - 1] ?? Number.POSITIVE_INFINITY))
    expect(isDescending((await sorted('-risk')).map(({ risk }) => risk))).toBe(true)
    expect(isDescending((await sorted('risk')).map(({ risk }) => -risk))).toBe(true)
    expect(isDescending((await sorted('-epss')).map(({ vulnerability: { epss } }) => epss?.probability ?? -1))).toBe(true)
    expect(isDescending((await sorted('-severity')).map(({ vulnerability: { severity } }) => severityRank[severity]))).toBe(true)
    expect(isDescending((await sorted('firstSeen')).map(({ firstSeenAt }) => -Date.parse(firstSeenAt)))).toBe(true)
  })

  it('show their image, its workloads, the layer and what the caller may do', async () => {
    await reads.inventory.query(
      `insert into workload (cluster, namespace, kind, name, container, digest, image_id, platform, reference, repository, since)
       select 'c', 'payments', 'Deployment', 'shop', 'main', digest, id, platform, 'x', 'registry.example/team-1/app-1', now() from image where digest = $1`,
      [digestOf('image-1')],
    )
    const page = await query({ filter: 'namespace = payments', limit: 500 })
    expect(FindingPage.parse(page)).toEqual(page)
    expect(page.items.length).toBeGreaterThan(5)
    expect(page.items[0]).toMatchObject({
      image: { digest: digestOf('image-1'), references: ['registry.example/team-1/app-1:v1'], workloadCount: 1 },
      decision: null,
      allowed: ['decide'],
    })
    expect(page.items.find(({ locations }) => locations.length > 0)?.layer).toMatchObject({ position: null })
    const viewer = { ...everything, roles: ['viewer' as const] }
    expect((await query({ limit: 1 }, viewer)).items[0]?.allowed).toEqual([])
    const layer = digestOf('layer 1 0')
    const inLayer = (await query({ filter: `layer = ${layer}`, limit: 500 })).items
    expect(inLayer.map(({ id }) => id)).toEqual(page.items.filter((item) => item.locations[0]?.layer === layer).map(({ id }) => id))
    expect(inLayer.length).toBeGreaterThan(0)
  })

  it('are those of images that the caller may see, and are found by their names only', async () => {
    const team = principalFor(['registry.example/team-1/*'])
    const page = await query({ limit: 500 }, team)
    const digests = new Set([1, 4, 7, 10].map((image) => digestOf(`image-${image}`)))
    expect(new Set(page.items.map(({ image }) => image?.digest))).toEqual(digests)
    const large = await queryLarge({ limit: 500, count: 'true' }, team)
    expect(large).toMatchObject({ items: page.items, count: { count: page.items.length } })
    await reads.inventory.results.database.inTransaction((tx) =>
      reads.inventory.images.upsertResolved(
        tx,
        resolvedImage('image-1', { reference: { registry: 'registry.example', repository: 'secret/name', tag: 'v1' } }),
      ),
    )
    expect((await query({ filter: 'repository ~ "*secret*"' }, team)).items).toEqual([])
    expect((await query({ filter: 'repository ~ "*secret*"' })).items.length).toBeGreaterThan(0)
    expect((await query({ filter: 'running = true' }, principalFor(['registry.example/team-2/*']))).items).toEqual([])
  })

  it('by a time move with the clock, and by decisions with these', async () => {
    const newest = facts.filter(({ digest, state }) => digest === digestOf('image-11') && state === 'open').map(({ id }) => id)
    expect((await query({ filter: 'firstSeen > -5m', limit: 500 })).items.map(({ id }) => id).sort()).toEqual(newest.sort())
    expect((await query({ filter: 'changed > -4m30s and state = gone', limit: 500 })).items.every(({ state }) => state === 'gone')).toBe(
      true,
    )
    const [id = ''] = newest
    const uuid = id.slice(2).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
    await reads.inventory.query(
      `insert into finding_decision (finding_id, image_id, status, version, source, decided_by, decided_at) select id, image_id, 'accepted', 1, 'triage', 'user:ana', now() from finding where id = $1`,
      [uuid],
    )
    expect((await query({ filter: 'status = accepted' })).items).toMatchObject([{ id, decision: { status: 'accepted', by: 'user:ana' } }])
    expect((await query({ filter: `status != new or status = accepted` })).items.map((item) => item.id)).toEqual([id])
  })

  it.each([
    'risk > 1e300',
    'risk < -1e-300',
    'epss = 1e308',
    'firstSeen < 0000-01-01',
    'changed > 9999-12-31T23:59:59-23:59',
    'package.version < ""',
    'package.name = "\u0000\ud800%_\\\\"',
    `package.name ~ "${'*a'.repeat(90)}"`,
    `package.name = "${'a'.repeat(3900)}"`,
    'source ~ "\u0000*"',
    'namespace = "\u0000" or owner in ("\ue000", "x")',
    `layer in (${digestOf('a')}, ${digestOf('b')})`,
  ])('by %s are none, and no error', async (filter) => {
    await expect(query({ filter, count: 'true' })).resolves.toMatchObject({ items: [], count: { count: 0 } })
  })

  it('by a filter that does not parse are refused', async () => {
    await expect(query({ filter: 'colour = red' })).rejects.toMatchObject({ code: 'filter-invalid' })
  })

  it('refuse a cursor of another filter', async () => {
    const { nextCursor } = await query({ limit: 1 })
    await expect(query({ cursor: nextCursor, filter: 'kev = true' })).rejects.toMatchObject({ code: 'cursor-invalid' })
  })
})
