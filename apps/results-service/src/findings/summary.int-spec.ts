import type { ScanReport, Severity } from '@pharos/contracts'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createInventory, type InventoryHarness } from '../ingest/__tests__/inventory-harness.js'
import { debPackage, digestOf, engineReport, match, scanReport, simpleReport, vulnerability } from '../ingest/__tests__/report-builder.js'
import { plainArray } from '../ingest/array-parameter.js'
import { SummaryStore } from './summary-store.js'
import { receiveReport } from '../ingest/received-report.js'

let inventory: InventoryHarness
beforeAll(async () => {
  inventory = await createInventory()
})
beforeEach(() => inventory.clear())
afterAll(() => inventory.results.close())

const summaries = new SummaryStore()
const severities: Severity[] = ['critical', 'high', 'medium', 'low', 'negligible', 'unknown']

const reportStep = fc.record({
  kind: fc.constant('report' as const),
  image: fc.constantFrom('one', 'two'),
  engine: fc.constantFrom('grype', 'trivy'),
  status: fc.constantFrom('complete', 'complete', 'partial', 'failed', 'unavailable'),
  matches: fc.array(
    fc.record({
      package: fc.nat(3),
      id: fc.nat(4),
      severity: fc.constantFrom(...severities),
      fixState: fc.constantFrom('fixed', 'not-fixed', 'wont-fix', 'unknown'),
      isKev: fc.boolean(),
      hasCve: fc.boolean(),
    }),
    { maxLength: 8 },
  ),
})
/** Suppresses or brings back some of an image's findings, open ones and gone ones. */
const suppressStep = fc.record({
  kind: fc.constant('suppress' as const),
  image: fc.constantFrom('one', 'two'),
  isSuppressed: fc.boolean(),
  share: fc.constantFrom(1, 2, 3),
})
type ReportStep = typeof reportStep extends fc.Arbitrary<infer T> ? T : never
type SuppressStep = typeof suppressStep extends fc.Arbitrary<infer T> ? T : never

function reportOf(name: string, { engine, status, matches }: ReportStep): ScanReport {
  const vulnerabilities = matches.map((item) =>
    vulnerability(`GHSA-${item.id}`, {
      canonicalId: item.hasCve ? `CVE-${item.id}` : `GHSA-${item.id}`,
      severity: item.severity,
      kev: item.isKev ? { dateAdded: null, dueDate: null, ransomware: false } : null,
    }),
  )
  return scanReport(name, {
    packages: [0, 1, 2, 3].map((index) => debPackage(`package-${index}`)),
    engines: [
      engineReport({
        engine,
        status,
        vulnerabilities,
        matches: matches.map((item, position) => match(item.package, position, { risk: 7.7 * (item.id + 1), fixState: item.fixState })),
      }),
    ],
  })
}

async function suppress(name: string, { isSuppressed, share }: Pick<SuppressStep, 'isSuppressed' | 'share'>): Promise<void> {
  const [image] = await inventory.query<{ id: string }>('select id from image where digest = $1', [digestOf(name)])
  if (image === undefined) return
  await inventory.results.database.inTransaction(async (tx) => {
    await summaries.lockImages(tx, [Number(image.id)])
    await tx.query(
      `update finding set is_suppressed = $2 where id in (select id from (select id, row_number() over (order by id) as n from finding where image_id = $1) x where n % $3 = 0)`,
      [image.id, isSuppressed, share],
    )
    await summaries.recount(tx, [Number(image.id)])
  })
}

/** Written apart from the code under test, from the rows alone. */
const expected = `
  select i.digest, f.engine,
         count(*) filter (where severity = 5 and not is_suppressed)::int as critical, count(*) filter (where severity = 4 and not is_suppressed)::int as high,
         count(*) filter (where severity = 3 and not is_suppressed)::int as medium, count(*) filter (where severity = 2 and not is_suppressed)::int as low,
         count(*) filter (where severity = 1 and not is_suppressed)::int as negligible, count(*) filter (where severity = 0 and not is_suppressed)::int as unknown,
         count(*) filter (where fix_state = 1 and not is_suppressed)::int as fixable, count(*) filter (where is_kev and not is_suppressed)::int as kev,
         count(*) filter (where is_suppressed)::int as suppressed, coalesce(max(s.risk) filter (where not is_suppressed), 0) as max_risk
    from finding f join image i on i.id = f.image_id join vulnerability_score s on s.vulnerability_id = f.vulnerability_id
   where is_open group by 1, 2 order by 1, 2`
const stored = `
  select i.digest, s.engine, critical, high, medium, low, negligible, unknown, fixable, kev, suppressed, s.max_risk from image_summary s join image i on i.id = s.image_id
   where critical + high + medium + low + negligible + unknown + suppressed > 0 order by 1, 2`
const wrongMaxRisk = `
  select i.digest, i.max_risk from image i where i.max_risk is distinct from coalesce((select max(max_risk) from image_summary s where s.image_id = i.id), 0)`

async function recount(images: readonly string[] | null): Promise<void> {
  const found = await inventory.query<{ id: string }>('select id from image where digest = any ($1)', [images?.map(digestOf) ?? []])
  await inventory.results.database.inTransaction((tx) => summaries.recount(tx, images === null ? null : found.map(({ id }) => Number(id))))
}

describe('summaries', () => {
  it('equal a recount after any sequence of reports and suppressions', async () => {
    let run = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ weight: 3, arbitrary: reportStep }, suppressStep), { minLength: 1, maxLength: 10 }),
        async (steps) => {
          run += 1
          for (const step of steps) {
            const name = `${step.image} ${run}`
            if (step.kind === 'report') await inventory.ingest(reportOf(name, step))
            else await suppress(name, step)
          }
          const kept = await inventory.query(stored)
          expect(kept).toEqual(await inventory.query(expected))
          expect(await inventory.query(wrongMaxRisk)).toEqual([])
          await recount(null)
          expect(await inventory.query(stored)).toEqual(kept)
        },
      ),
      { numRuns: 15 },
    )
  }, 600_000)

  it.each([
    ['some images', ['shop', 'cart']],
    ['all images', null],
  ])('a recount of %s puts right what is wrong, and counts anew what the scores say', async (_title, images) => {
    for (const name of ['shop', 'cart', 'blog']) await inventory.ingest(simpleReport(name, ['tar', 'zlib'], ['CVE-1', 'CVE-2']))
    await inventory.query('update image_summary set high = 99, suppressed = 7, max_risk = 1')
    await inventory.query(
      `update vulnerability_score set risk = 42.5 where vulnerability_id = (select id from vulnerability where native_id = 'CVE-2')`,
    )
    await recount(images)
    const names = images ?? ['shop', 'cart', 'blog']
    const right = { high: 4, suppressed: 0, max_risk: 42.5 }
    const rows = await inventory.query(
      'select high, suppressed, s.max_risk, i.max_risk as image_max_risk from image_summary s join image i on i.id = s.image_id where i.digest = any ($1)',
      [names.map(digestOf)],
    )
    expect(rows).toEqual(names.map(() => ({ ...right, image_max_risk: 42.5 })))
    const untouched = await inventory.query('select high from image_summary where high = 99')
    expect(untouched).toHaveLength(3 - names.length)
  })

  it('a recount takes a summary to zero when its last finding is gone', async () => {
    await inventory.ingest(simpleReport('shop', ['tar'], ['CVE-1']))
    await inventory.query('update finding set is_open = false')
    await recount(['shop'])
    expect(
      await inventory.query('select high, s.max_risk, i.max_risk as image_max_risk from image_summary s join image i on i.id = s.image_id'),
    ).toEqual([{ high: 0, max_risk: 0, image_max_risk: 0 }])
  })

  it('a recount waits for a report that is being stored, and counts what it brought', async () => {
    await inventory.ingest(simpleReport('shop', ['tar'], ['CVE-1']))
    const [image] = await inventory.query<{ id: string }>('select id from image')
    const report = simpleReport('shop', ['tar', 'zlib'], ['CVE-1', 'CVE-2'])
    let recounted: Promise<void> = Promise.resolve()
    await inventory.results.database.inTransaction(async (tx) => {
      await inventory.reports.store(tx, {
        report: receiveReport(report),
        run: { id: '00000000-0000-4000-8000-000000000001', digest: report.image.digest },
        attempt: { id: '00000000-0000-4000-8000-000000000002' },
        activeGenerations: [],
      })
      recounted = recount(['shop'])
      await expect.poll(() => inventory.query('select from pg_locks where not granted')).not.toHaveLength(0)
    })
    await recounted
    expect(
      await inventory.query('select high from image_summary where image_id = any ($1::int8[])', [plainArray([image?.id ?? null])]),
    ).toEqual([{ high: 4 }])
  })
})
