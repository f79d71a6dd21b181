import { randomUUID } from 'node:crypto'
import type { ScanReport } from '@pharos/contracts'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createInventory, type InventoryHarness } from './__tests__/inventory-harness.js'
import { debPackage, digestOf, engineReport, match, scanReport, simpleReport, vulnerability } from './__tests__/report-builder.js'
import { receiveReport } from './received-report.js'

let first: InventoryHarness
let second: InventoryHarness
/** Has a database of its own, and knows nothing when a report comes. */
let forgetful: InventoryHarness
beforeAll(async () => {
  first = await createInventory()
  second = await createInventory(first.results)
  forgetful = await createInventory()
})
beforeEach(async () => {
  await first.clear()
  await forgetful.clear()
})
afterAll(async () => {
  await first.results.close()
  await forgetful.results.close()
})

const fixedIn = (image: string, version: string): ScanReport =>
  scanReport(image, {
    packages: [debPackage('tar')],
    engines: [engineReport({ vulnerabilities: [vulnerability('CVE-1')], matches: [match(0, 0, { fixVersions: [version] })] })],
  })

/** What is stored, told without ids. */
const told = `
  select i.digest, p.name, v.native_id, v.severity, f.severity as finding_severity, f.fix_state, f.is_kev, f.is_open, m.is_open as is_match_open, m.body ->> 'fixVersions' as fix, s.risk, s.body as score,
         g.canonical_id, m.package_id = p.id and m.vulnerability_id = v.id as is_joined
    from finding f join image i on i.id = f.image_id join package p on p.id = f.package_id join vulnerability v on v.id = f.vulnerability_id
    join vulnerability_group g on g.id = v.group_id join package_match m on m.id = f.match_id join vulnerability_score s on s.vulnerability_id = v.id
   order by 1, 2, 3, f.is_open`
const openMatches = `select body ->> 'fixVersions' as fix from package_match where is_open`

describe('facts that a replica knows', () => {
  it('are forgotten when another replica has changed a match', async () => {
    await first.ingest(fixedIn('one', '1.1'))
    await second.ingest(fixedIn('two', '1.2'))
    expect(await first.query(openMatches)).toEqual([{ fix: '["1.2"]' }])
    await first.ingest(fixedIn('three', '1.1'))
    expect(await first.query(openMatches)).toEqual([{ fix: '["1.1"]' }])
  })

  it('are forgotten when a package or a match was removed', async () => {
    await first.ingest(fixedIn('one', '1.1'))
    await second.query('delete from package')
    await second.query('delete from package_match')
    await first.ingest(fixedIn('two', '1.1'))
    expect(await first.query(`${told.replace('order by', `and i.digest = '${digestOf('two')}' order by`)}`)).toMatchObject([
      { name: 'tar', is_joined: true },
    ])
  })

  it('are forgotten when another replica has re-rated a vulnerability, or moved its score', async () => {
    const rated = (image: string, change: object, risk = 3.5): ScanReport =>
      scanReport(image, {
        packages: [debPackage('tar')],
        engines: [engineReport({ vulnerabilities: [vulnerability('CVE-1', change)], matches: [match(0, 0, { risk })] })],
      })
    await first.ingest(rated('one', {}))
    await second.ingest(rated('two', { severity: 'low' }))
    await first.ingest(rated('three', {}))
    expect(await first.query('select severity from vulnerability')).toEqual([{ severity: 4 }])
    await second.ingest(rated('four', {}, 80))
    await first.ingest(rated('five', {}))
    expect(await first.query('select risk from vulnerability_score')).toEqual([{ risk: 3.5 }])
  })

  it('are forgotten when groups of aliases have merged elsewhere', async () => {
    const records = (image: string, ids: readonly [string, string][]): ScanReport =>
      scanReport(image, {
        packages: [debPackage('tar')],
        engines: [
          engineReport({
            vulnerabilities: ids.map(([nativeId, canonicalId]) => vulnerability(nativeId, { canonicalId })),
            matches: ids.map((_id, position) => match(0, position)),
          }),
        ],
      })
    await first.ingest(
      records('one', [
        ['GHSA-1', 'GHSA-1'],
        ['CVE-1', 'CVE-1'],
      ]),
    )
    expect(await first.query('select from finding where is_open')).toHaveLength(2)
    // The other record of the advisory says that both are one.
    await second.ingest(records('two', [['GHSA-1', 'CVE-1']]))
    await first.ingest(records('three', [['CVE-1', 'CVE-1']]))
    const groups = await first.query<{ seed: string }>(
      `select g.seed from finding f join image i on i.id = f.image_id join vulnerability v on v.id = f.vulnerability_id join vulnerability_group g on g.id = v.group_id where i.digest = $1`,
      [digestOf('three')],
    )
    expect(groups).toHaveLength(1)
    expect(await first.query('select from vulnerability_group')).toHaveLength(1)
  })

  it('do not hold what was stored in a transaction that was rolled back', async () => {
    const report = fixedIn('one', '1.1')
    await expect(
      first.results.database.inTransaction(async (tx) => {
        await first.reports.store(tx, {
          report: receiveReport(report),
          run: { id: randomUUID(), digest: report.image.digest },
          attempt: { id: randomUUID() },
          activeGenerations: [],
        })
        throw new Error('the connection broke')
      }),
    ).rejects.toThrow('the connection broke')
    await first.ingest(report)
    expect(await first.query(told)).toMatchObject([{ name: 'tar', is_joined: true, is_match_open: true }])
  })

  it('spare a report that brings nothing new every look-up of facts', async () => {
    const report = (image: string): ScanReport => simpleReport(image, ['tar', 'zlib'], ['CVE-1', 'CVE-2'])
    await first.ingest(report('one'))
    await first.ingest(report('two'))
    const statements: string[] = []
    await first.results.database.inTransaction(async (tx) => {
      const query = tx.query.bind(tx)
      tx.query = ((sql: string, parameters?: unknown[]) => {
        statements.push(sql)
        return query(sql, parameters)
      }) as typeof tx.query
      await first.reports.store(tx, {
        report: receiveReport(report('three')),
        run: { id: randomUUID(), digest: digestOf('three') },
        attempt: { id: randomUUID() },
        activeGenerations: [],
      })
    })
    const ofFacts = statements.filter((sql) => /(from|into|update) (package|package_match|vulnerability|vulnerability_score)\b/.test(sql))
    expect(ofFacts).toEqual([])
    expect(await first.query('select from finding where is_open')).toHaveLength(12)
  })

  it('make no difference, whatever reports come to two replicas in whatever order', async () => {
    const step = fc.record({
      replica: fc.boolean(),
      image: fc.constantFrom('one', 'two', 'three'),
      status: fc.constantFrom('complete', 'complete', 'partial'),
      matches: fc.array(
        fc.record({
          package: fc.nat(2),
          id: fc.nat(2),
          severity: fc.constantFrom('high', 'low'),
          fix: fc.constantFrom('1.1', '1.2'),
          isKev: fc.boolean(),
          hasCve: fc.boolean(),
          risk: fc.constantFrom(1, 50),
        }),
        { maxLength: 5 },
      ),
    })
    let run = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 7 }), async (steps) => {
        run += 1
        await first.clear()
        await forgetful.clear()
        for (const { replica, image, status, matches } of steps) {
          // Scanners tell of each vulnerability once a report; of two contradictory words it depends on what is known which one holds.
          const spoken = [...new Map(matches.map((item) => [item.id, item])).values()]
          const report = scanReport(`${image} ${run}`, {
            packages: ['tar', 'zlib', 'tar'].map((name) => debPackage(name)),
            engines: [
              engineReport({
                status,
                vulnerabilities: spoken.map((item) =>
                  vulnerability(`GHSA-${item.id}`, {
                    canonicalId: item.hasCve ? `CVE-${item.id}` : `GHSA-${item.id}`,
                    severity: item.severity,
                    kev: item.isKev ? { dateAdded: null, dueDate: null, ransomware: false } : null,
                  }),
                ),
                matches: matches.map((item) => {
                  const position = spoken.findIndex(({ id }) => id === item.id)
                  return match(item.package, position, { risk: item.risk, fixVersions: [item.fix] })
                }),
              }),
            ],
          })
          await (replica ? first : second).ingest(report)
          await (await createInventory(forgetful.results)).ingest(report)
        }
        expect(await first.query(told)).toEqual(await forgetful.query(told))
      }),
      { numRuns: 25 },
    )
  }, 600_000)
})

describe('the same whole result again', () => {
  const rowVersions = 'select id, xmin::text from finding order by id'

  it('touches no finding, and is told as before', async () => {
    const report = simpleReport('shop', ['tar', 'zlib'], ['CVE-1', 'CVE-2'])
    const before = await first.ingest(report)
    const rows = await first.query(rowVersions)
    const again = await first.ingest(report)
    expect(await first.query(rowVersions)).toEqual(rows)
    expect(again.outcomes).toEqual(before.outcomes)
    expect(again.events.map(({ type }) => type)).toEqual(['image.scanned'])
  })

  it('is looked at in full when a partial one came between, and sees again what that one did not show', async () => {
    const report = simpleReport('shop', ['tar', 'zlib'], ['CVE-1'])
    await first.ingest(report)
    await first.ingest(simpleReport('shop', ['tar', 'zlib'], [], { status: 'partial' }))
    expect(await first.query('select from finding where last_seen_at is not null')).toHaveLength(2)
    await first.ingest(report)
    expect(await first.query('select from finding where last_seen_at is not null')).toHaveLength(0)
  })

  it('is looked at in full when its generation is another', async () => {
    const [one, two] = [randomUUID(), randomUUID()]
    const of = (generationId: string): ScanReport =>
      simpleReport('shop', ['tar'], ['CVE-1'], { database: { ...engineReport().database, generationId } as never })
    const active = (id: string) =>
      [{ id, engine: 'grype' as const, checksum: null, builtAt: null, isSample: false, isStale: false }] as never
    await first.ingest(of(one), active(one))
    // What a re-match does: the result is of the other generation, and so are its findings.
    await first.query('update finding set is_open = false')
    await first.query('update image_engine_result set generation_id = $1', [two])
    await first.ingest(of(two), active(two))
    expect(await first.query('select from finding where is_open')).toHaveLength(1)
  })
})
