import { randomUUID } from 'node:crypto'
import { pollUntil } from '@pharos/service-kit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createInventory, type InventoryHarness } from './__tests__/inventory-harness.js'
import { match, simpleReport } from './__tests__/report-builder.js'
import { receiveReport } from './received-report.js'

let inventory: InventoryHarness
beforeAll(async () => {
  inventory = await createInventory()
})
beforeEach(() => inventory.clear())
afterAll(() => inventory.results.close())

async function countOf(table: string): Promise<number> {
  const [row] = await inventory.query<{ count: string }>(`select count(*) from ${table}`)
  return Number(row?.count)
}

describe('parallel ingests', () => {
  it('eight at once of overlapping images lose and double no row', async () => {
    const packages = Array.from({ length: 30 }, (_value, index) => `package-${index}`)
    const ids = Array.from({ length: 12 }, (_value, index) => `CVE-${index}`)
    const reports = Array.from({ length: 16 }, (_value, index) => {
      const image = `image-${index % 10}`
      return simpleReport(
        image,
        packages.slice(index % 10, (index % 10) + 15).reverse(),
        [...ids].sort(() => (index % 2) - 0.5),
      )
    })
    const queue = [...reports]
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let report = queue.pop(); report !== undefined; report = queue.pop()) await inventory.ingest(report)
      }),
    )
    expect(await countOf('image')).toBe(10)
    expect(await countOf('package')).toBe(24)
    expect(await countOf('vulnerability')).toBe(12)
    expect(await countOf('vulnerability_group')).toBe(12)
    expect(await countOf('package_match')).toBe(24 * 12)
    expect(await countOf('finding where is_open')).toBe(10 * 15 * 12)
    expect(await inventory.query('select distinct high from image_summary')).toEqual([{ high: 180 }])
  })

  it('share a match of a known package that both of them bring', async () => {
    await inventory.ingest(simpleReport('seed', ['tar'], ['CVE-1', 'CVE-2'], { matches: [match(0, 0)] }))
    const report = simpleReport('one', ['tar'], ['CVE-1', 'CVE-2'])
    const held = deferred()
    const stored = deferred()
    const first = inventory.results.database.inTransaction(async (tx) => {
      await inventory.reports.store(tx, {
        report: receiveReport(report),
        run: { id: randomUUID(), digest: report.image.digest },
        attempt: { id: randomUUID() },
        activeGenerations: [],
      })
      stored.resolve()
      await held.promise
    })
    await stored.promise
    const second = inventory.ingest(simpleReport('two', ['tar'], ['CVE-1', 'CVE-2']))
    await pollUntil(
      async () =>
        (await inventory.query(`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`)).length > 0
          ? true
          : undefined,
      {
        timeoutMs: 90_000,
        what: 'the second report to wait for the first',
      },
    )
    held.resolve()
    await Promise.all([first, second])
    expect(await countOf('package_match')).toBe(2)
    expect(
      await countOf('finding f join package_match m on m.id = f.match_id and m.vulnerability_id = f.vulnerability_id and m.is_open'),
    ).toBe(5)
  })
})

function deferred(): { readonly promise: Promise<void>; resolve(): void } {
  let settle = (): void => undefined
  const promise = new Promise<void>((resolve) => {
    settle = resolve
  })
  return { promise, resolve: () => settle() }
}
