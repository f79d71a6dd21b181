import type { Severity } from '@pharos/contracts'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createInventory, type InventoryHarness } from '../ingest/__tests__/inventory-harness.js'
import { debPackage, engineReport, match, scanReport, vulnerability } from '../ingest/__tests__/report-builder.js'

let inventory: InventoryHarness
beforeAll(async () => {
  inventory = await createInventory()
})
afterAll(() => inventory.results.close())

const severities: Severity[] = ['critical', 'high', 'medium', 'low', 'negligible', 'unknown']
const step = fc.record({
  image: fc.constantFrom('one', 'two'),
  engine: fc.constantFrom('grype', 'trivy'),
  status: fc.constantFrom('complete', 'complete', 'partial', 'failed', 'unavailable'),
  matches: fc.array(
    fc.record({
      package: fc.nat(3),
      id: fc.nat(4),
      severity: fc.constantFrom(...severities),
      risk: fc.double({ min: 0, max: 100, noNaN: true }),
      fixState: fc.constantFrom('fixed', 'not-fixed', 'wont-fix', 'unknown'),
      isKev: fc.boolean(),
      hasCve: fc.boolean(),
    }),
    { maxLength: 8 },
  ),
})

const recount = `
  select i.digest, f.engine,
         count(*) filter (where severity = 5)::int as critical, count(*) filter (where severity = 4)::int as high, count(*) filter (where severity = 3)::int as medium,
         count(*) filter (where severity = 2)::int as low, count(*) filter (where severity = 1)::int as negligible, count(*) filter (where severity = 0)::int as unknown,
         count(*) filter (where fix_state = 1)::int as fixable, count(*) filter (where is_kev)::int as kev, max(risk) as max_risk
    from finding f join image i on i.id = f.image_id where is_open group by 1, 2 order by 1, 2`
const summary = `
  select i.digest, s.engine, critical, high, medium, low, negligible, unknown, fixable, kev, s.max_risk from image_summary s join image i on i.id = s.image_id
   where critical + high + medium + low + negligible + unknown > 0 order by 1, 2`

describe('summaries', () => {
  it('equal a recount after any sequence of reports', async () => {
    let run = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
        run += 1
        for (const { image, engine, status, matches } of steps) {
          const vulnerabilities = matches.map((item) =>
            vulnerability(`GHSA-${item.id}`, {
              canonicalId: item.hasCve ? `CVE-${item.id}` : `GHSA-${item.id}`,
              severity: item.severity,
              kev: item.isKev ? { dateAdded: null, dueDate: null, ransomware: false } : null,
            }),
          )
          await inventory.ingest(
            scanReport(`${image} ${run}`, {
              packages: [0, 1, 2, 3].map((index) => debPackage(`package-${index}`)),
              engines: [
                engineReport({
                  engine,
                  status,
                  vulnerabilities,
                  matches: matches.map((item, position) => match(item.package, position, { risk: item.risk, fixState: item.fixState })),
                }),
              ],
            }),
          )
        }
        expect(await inventory.query(summary)).toEqual(await inventory.query(recount))
        const riskiest = await inventory.query(
          `select i.digest, i.max_risk from image i where i.max_risk is distinct from coalesce((select max(max_risk) from image_summary s where s.image_id = i.id), 0)`,
        )
        expect(riskiest).toEqual([])
      }),
      { numRuns: 12 },
    )
  }, 120_000)
})
