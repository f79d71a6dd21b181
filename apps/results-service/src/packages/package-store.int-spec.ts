import { hash } from 'node:crypto'
import { packageFacts, type ReportPackage, type ScanReport } from '@pharos/contracts'
import { contentHash } from '@pharos/service-kit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createInventory, type InventoryHarness } from '../ingest/__tests__/inventory-harness.js'
import { debPackage, scanReport } from '../ingest/__tests__/report-builder.js'

let inventory: InventoryHarness
let replica: InventoryHarness
beforeAll(async () => {
  inventory = await createInventory()
  replica = await createInventory(inventory.results)
})
beforeEach(() => inventory.clear())
afterAll(() => inventory.results.close())

const report = (image: string, packages: readonly ReportPackage[], inputs?: readonly string[]): ScanReport =>
  scanReport(image, { packages: [...packages], ...(inputs === undefined ? {} : { matcherInputs: inputs.join('\n') }) })
const keyOf = (input: string): string => hash('sha256', input, 'hex').slice(0, 32)
const keyed = (name: string, input: string): ReportPackage => debPackage(name, { matchKey: keyOf(input) })
const stored = () =>
  inventory.query<{ name: string; input: string | null }>(
    'select p.name, i.input from package p left join package_input i on i.package_id = p.id order by p.name',
  )

describe('what matchers read of packages', () => {
  it('is stored with new packages, as it is spelled; an empty line says nothing', async () => {
    const input = '{"b":1,"a":"ö \\u0000"}'
    await inventory.ingest(report('one', [keyed('tar', input), debPackage('vim'), keyed('zlib', '{}')], [input, '', '{}']))
    expect(await stored()).toEqual([
      { name: 'tar', input: '{"b":1,"a":"ö \\u0000"}' },
      { name: 'vim', input: null },
      { name: 'zlib', input: '{}' },
    ])
  })

  it('comes to packages that lack it as soon as a report brings it, whichever replica stored them', async () => {
    const [tar, zlib] = [keyed('tar', '{"tar":1}'), keyed('zlib', '{"zlib":1}')]
    await inventory.ingest(report('one', [tar, zlib]))
    expect(await stored()).toMatchObject([{ input: null }, { input: null }])
    await inventory.ingest(report('two', [tar], ['{"tar":1}']))
    await replica.ingest(report('three', [zlib, tar], ['{"zlib":1}', '{"tar":1}']))
    expect(await stored()).toEqual([
      { name: 'tar', input: '{"tar":1}' },
      { name: 'zlib', input: '{"zlib":1}' },
    ])
  })

  it.each([
    ['of another key', keyOf('{}')],
    ['of a package without a key', null],
  ])('is refused when it is that %s', async (_case, matchKey) => {
    const forged = report('one', [debPackage('tar', { matchKey })], ['{"tar":2}'])
    await expect(inventory.ingest(forged)).rejects.toMatchObject({ code: 'report-invalid' })
    expect(await stored()).toEqual([])
  })
})

describe('facts of packages', () => {
  it('are one package in every image, and another as soon as a matcher would read otherwise', async () => {
    await inventory.ingest(report('one', [debPackage('tar', { matchKey: 'aa' })]))
    await replica.ingest(report('two', [debPackage('tar', { matchKey: 'aa', licenses: ['other'], locations: [] })]))
    expect(await stored()).toHaveLength(1)
    await inventory.ingest(report('three', [debPackage('tar', { matchKey: 'bb' })]))
    expect(await stored()).toHaveLength(2)
  })

  it('are known by the hash of their one spelling', async () => {
    const found = debPackage('nul\0', { upstreams: [{ name: 'z', version: null }], cpes: ['cpe:b', 'cpe:a'] })
    await inventory.ingest(report('one', [found]))
    const [row] = await inventory.query<{ hash: string; detail: unknown }>('select hash, detail from package')
    expect(row).toEqual({
      hash: contentHash(...(JSON.parse(packageFacts(found)) as unknown[])),
      detail: { upstreams: [{ name: 'z', version: null }], cpes: ['cpe:a', 'cpe:b'] },
    })
  })
})
