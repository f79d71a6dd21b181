import { AsOfQuery, FindingAsOfPage } from '@pharos/contracts'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { debPackage, digestOf, engineReport, match, scanReport, simpleReport, vulnerability } from '../ingest/__tests__/report-builder.js'
import { walk } from '../inventory/__tests__/reads-harness.js'
import { createHistory, type History } from './__tests__/history-harness.js'

let history: History
beforeAll(async () => {
  history = await createHistory()
})
beforeEach(() => history.inventory.clear())
afterAll(() => history.inventory.results.close())

const images = ['a', 'b'] as const
const fixStates = ['fixed', 'not-fixed'] as const
const severities = ['low', 'high', 'critical'] as const

/** A report of random findings of two packages: which of four vulnerabilities, how severe, whether fixed and exploited. */
const reportOperation = fc.record({
  kind: fc.constant('report' as const),
  image: fc.constantFrom(...images),
  version: fc.constantFrom('1.0', '2.0'),
  status: fc.constantFrom('complete' as const, 'complete' as const, 'partial' as const, 'failed' as const),
  isMerged: fc.boolean(),
  found: fc.uniqueArray(
    fc.record({
      id: fc.integer({ min: 0, max: 3 }),
      severity: fc.constantFrom(...severities),
      fix: fc.constantFrom(...fixStates),
      kev: fc.boolean(),
    }),
    { selector: ({ id }) => id, maxLength: 4 },
  ),
})
const decisionOperation = fc.record({
  kind: fc.constant('decision' as const),
  position: fc.nat(),
  status: fc.constantFrom('accepted' as const, 'in_triage' as const, null),
})
type Operation =
  | { kind: 'decision'; position: number; status: 'accepted' | 'in_triage' | null }
  | Exclude<typeof reportOperation extends fc.Arbitrary<infer T> ? T : never, never>

async function run(operation: Operation): Promise<void> {
  if (operation.kind === 'decision') {
    const found = await history.inventory.query<{ id: string }>('select id from finding order by id')
    const chosen = found[operation.position % Math.max(found.length, 1)]
    if (chosen !== undefined) await history.decide([chosen.id], operation.status)
    return
  }
  const { image, version, status, isMerged, found } = operation
  const aliasesOf = (id: number): string[] => (isMerged && id < 2 ? ['CVE-0', 'CVE-1'] : [`CVE-${id}`])
  await history.ingest(
    scanReport(image, {
      packages: [debPackage('tar', { version }), debPackage('glibc')],
      engines: [
        engineReport({
          status,
          vulnerabilities: found.map(({ id, severity, kev }) =>
            vulnerability(`CVE-${id}`, {
              severity,
              canonicalId: aliasesOf(id)[0] ?? '',
              aliases: aliasesOf(id),
              kev: kev ? { dateAdded: null, dueDate: null, ransomware: false } : null,
            }),
          ),
          matches: found.flatMap(({ fix }, position) => [match(0, position, { fixState: fix }), match(1, position, { fixState: fix })]),
        }),
      ],
    }),
  )
}

const oneFinding = () => engineReport({ vulnerabilities: [vulnerability('CVE-1')], matches: [match(0, 0)] })

interface Known {
  id: string
  severity: string
  fixState: string
  kev: boolean
  decision: string | null
  version: string
}

const order = (one: Known, other: Known): number => (one.id < other.id ? -1 : 1)

/** The open findings as the rows of now tell them. */
async function knownNow(): Promise<Known[]> {
  const found = await history.inventory.query<Known & { severity_code: number; fix_code: number }>(
    `select 'f_' || replace(f.id::text, '-', '') as id, f.severity as severity_code, f.fix_state as fix_code, f.is_kev as kev, d.status as decision, p.version
       from finding f join package p on p.id = f.package_id left join finding_decision d on d.finding_id = f.id where f.is_open`,
  )
  return found
    .map(({ severity_code, fix_code, ...row }) => ({
      ...row,
      severity: ['unknown', 'negligible', 'low', 'medium', 'high', 'critical'][severity_code] ?? '',
      fixState: ['unknown', 'fixed', 'not-fixed', 'wont-fix'][fix_code] ?? '',
    }))
    .sort(order)
}

async function knownAt(moment: Date): Promise<Known[]> {
  const items = await walk(async (cursor) =>
    FindingAsOfPage.parse(
      await history.asOf.ofFleet(
        AsOfQuery.parse({ at: moment.toISOString(), limit: 3, ...(cursor === undefined ? {} : { cursor }) }),
        null,
      ),
    ),
  )
  return items
    .map(({ id, severity, fixState, kev, decision, package: found }) => ({ id, severity, fixState, kev, decision, version: found.version }))
    .sort(order)
}

describe('findings as of a moment', () => {
  it('are those that were open then, after any sequence of reports, merges of aliases and decisions', { timeout: 600_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ weight: 3, arbitrary: reportOperation }, decisionOperation), { minLength: 3, maxLength: 14 }),
        async (operations) => {
          await history.inventory.clear()
          const snapshots: { at: Date; known: Known[] }[] = []
          for (const operation of operations) {
            await run(operation)
            snapshots.push({ at: history.inventory.clock.now(), known: await knownNow() })
          }
          for (const { at, known } of snapshots) expect(await knownAt(at)).toEqual(known)
          // What was before a moment is not asked: retention may have removed it.
          for (const { at, known } of snapshots) {
            await history.inventory.query('delete from finding_event where at <= $1', [at])
            await history.inventory.query('delete from image_package_event where at <= $1', [at])
            expect(await knownAt(at)).toEqual(known)
          }
        },
      ),
      { numRuns: 12 },
    )
  })

  it('show the present package where retention has removed that of then', async () => {
    await history.ingest(scanReport('a', { packages: [debPackage('tar', { version: '1.0' })], engines: [oneFinding()] }))
    const at = history.inventory.clock.now()
    await history.ingest(scanReport('a', { packages: [debPackage('tar', { version: '2.0' })], engines: [oneFinding()] }))
    expect((await knownAt(at)).map(({ version }) => version)).toEqual(['1.0'])
    await history.inventory.query(`delete from package where version = '1.0'`)
    expect((await knownAt(at)).map(({ version }) => version)).toEqual(['2.0'])
  })

  it('show the references and workloads of then', async () => {
    await history.ingest(simpleReport('a', ['tar'], ['CVE-1']))
    const at = history.inventory.clock.now()
    const hour = 3_600_000
    await history.inventory.query(`update image_reference set since = $1, until = $2`, [
      new Date(at.getTime() - hour),
      new Date(at.getTime() + hour),
    ])
    await history.inventory.query(
      `insert into image_reference (repository, tag, platform, image_id, since) select repository, 'v2', platform, image_id, $1 from image_reference`,
      [new Date(at.getTime() + hour)],
    )
    await history.inventory.query(
      `insert into workload (cluster, namespace, kind, name, container, digest, image_id, platform, reference, repository, since, until)
       select 'c', 'n', 'Deployment', name, 'main', $1, i.id, 'linux/amd64', 'registry.example/team-a/a:v1', 'registry.example/team-a/a', since::timestamptz, null
         from image i, (values ('then', '2026-11-01'), ('later', '2026-12-01')) as w(name, since)`,
      [digestOf('a')],
    )
    await history.inventory.clock.advance(3 * hour)
    const then = await history.asOf.ofImage(digestOf('a'), AsOfQuery.parse({ at: at.toISOString() }), null)
    expect(then.items[0]?.image).toEqual({ digest: digestOf('a'), references: ['registry.example/team-a/a:v1'], workloads: 1 })
    const now = await history.asOf.ofFleet(AsOfQuery.parse({ at: history.inventory.clock.now().toISOString() }), null)
    expect(now.items[0]?.image.references).toEqual(['registry.example/team-a/a:v2'])
    expect(now.items[0]?.image.workloads).toBe(1)
  })

  it.each([
    ['vulnerability = CVE-1', 2],
    ['vulnerability = cve-none', 0],
    ['severity >= high and package.name = tar', 2],
    ['package.name ~ "g*" or kev = true', 2],
    ['not (vulnerability in (CVE-1, CVE-2))', 0],
    ['status = accepted', 1],
    ['suppressed = false', 3],
    [`image = ${digestOf('a')} and firstSeen > -1d`, 4],
  ])('can be filtered: %s', async (filter, count) => {
    await history.ingest(simpleReport('a', ['tar', 'glibc'], ['CVE-1', 'CVE-2']))
    const [finding] = await history.inventory.query<{ id: string }>('select id from finding order by id limit 1')
    const at = await history.decide([finding?.id ?? ''], 'accepted')
    await history.ingest(simpleReport('a', ['tar', 'glibc'], ['CVE-3']))
    const page = await history.asOf.ofFleet(AsOfQuery.parse({ at: at.toISOString(), filter }), null)
    expect(page.items).toHaveLength(count)
  })

  it.each([
    ['beyond the horizon', { at: '2025-01-01T00:00:00.000Z' }, 'horizon-exceeded'],
    ['with a filter over what is not kept', { filter: 'epss > 0.5' }, 'filter-invalid'],
    ['with an order of versions', { filter: 'package.version < 2' }, 'filter-invalid'],
    ['with a filter that does not parse', { filter: 'severity >' }, 'filter-invalid'],
    ['with a cursor from elsewhere', { cursor: 'x.y' }, 'cursor-invalid'],
  ])('are refused %s', async (_sentence, change, code) => {
    const query = AsOfQuery.parse({ at: history.inventory.clock.now().toISOString(), ...change })
    await expect(history.asOf.ofFleet(query, null)).rejects.toMatchObject({ code })
  })

  it('say what is not kept of the past', async () => {
    const query = AsOfQuery.parse({ at: history.inventory.clock.now().toISOString() })
    expect(FindingAsOfPage.parse(await history.asOf.ofFleet(query, null))).toMatchObject({ notKept: ['risk', 'epss'] })
  })

  it('are those of the scope', async () => {
    await history.ingest(simpleReport('a', ['tar'], ['CVE-1']))
    const query = AsOfQuery.parse({ at: history.inventory.clock.now().toISOString() })
    expect((await history.asOf.ofFleet(query, ['registry.example/team-b/%'])).items).toEqual([])
    expect((await history.asOf.ofFleet(query, ['registry.example/team-a/%'])).items).toHaveLength(1)
    await expect(history.asOf.ofImage(digestOf('a'), query, ['registry.example/team-b/%'])).rejects.toMatchObject({ code: 'not-found' })
  })
})
