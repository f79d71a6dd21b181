import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createInventory, type InventoryHarness } from '../ingest/__tests__/inventory-harness.js'
import { simpleReport } from '../ingest/__tests__/report-builder.js'

let inventory: InventoryHarness
beforeAll(async () => {
  inventory = await createInventory()
})
beforeEach(() => inventory.clear())
afterAll(() => inventory.results.close())

describe('x', () => {
  it('y', async () => {
    await inventory.ingest(simpleReport('shop', ['tar'], ['CVE-1']))
    await inventory.query(
      `insert into vex_document values (gen_random_uuid(), 'openvex', 'd', '1', 'a', now(), 'x', '', 1, 1, '[]', 'user:admin', '{admin}', null, now(), 'applied', 0, null)`,
    )
    await inventory.query(
      `insert into vex_statement (document_id, position, status, original, at, vulnerability, products) select id, 0, 'fixed', '{}', now(), 'CVE-1', '[{"ids": ["registry.example/team-a/shop:v1"], "subcomponents": ["pkg:deb/debian/tar"]}]' from vex_document`,
    )
    await inventory.query(`insert into vex_statement_alias select a.alias_hash, s.id from vulnerability_alias a, vex_statement s limit 1`)
    await inventory.ingest(simpleReport('shop', ['tar', 'gzip'], ['CVE-1']))
    expect(await inventory.query('select status, version from finding_decision')).toEqual([{ status: 'fixed', version: 1 }])
    expect(await inventory.query('select high, suppressed from image_summary')).toEqual([{ high: 1, suppressed: 1 }])
  })
})
