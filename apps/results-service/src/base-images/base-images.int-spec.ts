import type { ScanReport } from '@pharos/contracts'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { FindingsRepository } from '../findings/findings.repository.js'
import { removeImages } from '../images/image-removal.js'
import { ImageLocator } from '../images/image-locator.js'
import { createInventory, type InventoryHarness } from '../ingest/__tests__/inventory-harness.js'
import { debPackage, digestOf, engineReport, match, resolvedImage, scanReport, vulnerability } from '../ingest/__tests__/report-builder.js'
import { principalFor, walk } from '../inventory/__tests__/reads-harness.js'
import { BaseImagesRepository } from './base-images.repository.js'
import { BaseImagesService } from './base-images.service.js'

let inventory: InventoryHarness
let service: BaseImagesService
beforeAll(async () => {
  inventory = await createInventory()
  const { database } = inventory.results
  service = new BaseImagesService(new BaseImagesRepository(database), new ImageLocator(database))
})
beforeEach(() => inventory.clear())
afterAll(() => inventory.results.close())

const everything = principalFor(null)

/** A report of an image whose layers are named by letters. */
function layered(
  name: string,
  letters: string,
  change: Partial<ScanReport> = {},
  image: Parameters<typeof resolvedImage>[1] = {},
): ScanReport {
  const diffIds = [...letters].map((letter) => digestOf(`diff ${letter}`))
  const report = scanReport(name, change)
  return {
    ...report,
    image: resolvedImage(name, {
      layers: [...letters].map((letter, position) => ({
        digest: digestOf(`blob ${letter}`),
        sizeBytes: 100 + position,
        mediaType: 'application/vnd.oci.image.layer.v1.tar',
      })),
      ...image,
    }),
    config: { ...report.config!, labels: {}, ...change.config, diffIds },
  }
}
const bases = async () =>
  Object.fromEntries(
    (
      await inventory.query<{ child: string; base: string | null; layer_count: number | null; source: string }>(
        `select split_part(r.repository, '/', 3) as child, split_part(br.repository, '/', 3) as base, b.layer_count, b.source
           from image_base b join image_reference r on r.image_id = b.image_id left join image_reference br on br.image_id = b.base_image_id order by 1`,
      )
    ).map(({ child, base, layer_count, source }) => [child, [base, layer_count, source]]),
  )

describe('the base of an image', () => {
  const chains = { distro: 'a', runtime: 'abc', app: 'abcd', twin: 'abce', other: 'ax', alone: 'z' }
  const expected = {
    app: ['runtime', 3, 'prefix'],
    other: ['distro', 1, 'prefix'],
    runtime: ['distro', 1, 'prefix'],
    twin: ['runtime', 3, 'prefix'],
  }

  it.each([
    ['the bases first', ['distro', 'runtime', 'app', 'twin', 'other', 'alone']],
    ['the bases last', ['alone', 'other', 'twin', 'app', 'runtime', 'distro']],
    ['in between', ['app', 'distro', 'other', 'runtime', 'alone', 'twin']],
  ])('is the longest chain that is a proper prefix of its own, when images come with %s', async (_order, names) => {
    for (const name of names) await inventory.ingest(layered(name, chains[name as keyof typeof chains]))
    expect(await bases()).toEqual(expected)
  })

  it('is found also when base and children are stored at once', async () => {
    const reports = Object.entries(chains).map(([name, letters]) => layered(name, letters))
    await Promise.all(reports.map((report) => inventory.ingest(report)))
    expect(await bases()).toEqual(expected)
  })

  it('of equal chains is the one that was stored first; an image of the same layers is no base', async () => {
    for (const name of ['first', 'second']) await inventory.ingest(layered(name, 'ab'))
    await inventory.ingest(layered('child', 'abc'))
    await inventory.ingest(layered('third', 'ab'))
    expect(await bases()).toEqual({ child: ['first', 2, 'prefix'] })
  })

  it('that is removed gives way to the next longest, or to none', async () => {
    for (const name of ['distro', 'runtime', 'app'] as const) await inventory.ingest(layered(name, chains[name]))
    const remove = (name: string) =>
      inventory.results.database.inTransaction(async (tx) => {
        const [row] = await inventory.query<{ id: string }>('select id from image where digest = $1', [digestOf(name)])
        await removeImages(tx, [Number(row!.id)])
      })
    await remove('runtime')
    expect(await bases()).toEqual({ app: ['distro', 1, 'prefix'] })
    await remove('distro')
    expect(await bases()).toEqual({})
    await inventory.ingest(layered('runtime', 'abc'))
    expect(await bases()).toEqual({ app: ['runtime', 3, 'prefix'] })
  })

  it.each(['before', 'after'])('is the one that the annotation names by digest, stored %s the image, also by its index', async (order) => {
    const index = digestOf('an index')
    const base = layered('runtime', 'ab', {}, { indexDigest: index })
    const child = layered(
      'app',
      'abc',
      {},
      {
        annotations: { 'org.opencontainers.image.base.name': 'runtime:1', 'org.opencontainers.image.base.digest': index },
      },
    )
    await inventory.ingest(layered('distro', 'a'))
    for (const report of order === 'before' ? [base, child] : [child, base]) await inventory.ingest(report)
    expect((await bases())['app']).toEqual(['runtime', 2, 'annotation'])
    expect((await service.base(digestOf('app'), everything)).base).toEqual({
      digest: digestOf('runtime'),
      references: ['registry.example/team-a/runtime:v1'],
      annotatedReference: 'runtime:1',
      annotatedDigest: index,
      source: 'annotation',
      layerCount: 2,
    })
  })

  it('that an annotation names without having its layers, or that is not stored, has no layers in the image', async () => {
    await inventory.ingest(layered('squashed', 'xy'))
    const naming = (digest: string) => ({ annotations: { 'org.opencontainers.image.base.digest': digest } })
    await inventory.ingest(layered('one', 'abc', {}, naming(digestOf('squashed'))))
    await inventory.ingest(layered('two', 'abd', {}, naming(digestOf('nowhere'))))
    expect(await bases()).toEqual({ one: ['squashed', null, 'annotation'], two: [null, null, 'annotation'] })
    expect((await service.layers(digestOf('one'), everything)).items.map(({ isFromBase }) => isFromBase)).toEqual([null, null, null])
  })

  it('changes nothing when an image is scanned again', async () => {
    await inventory.ingest(layered('distro', 'a'))
    await inventory.ingest(layered('app', 'ab'))
    const state = () =>
      inventory.query(
        'select xmin::text, * from image_base union all select xmin::text, image_id, null, null, prefix_hash::text, depth, null from image_layer_prefix',
      )
    const before = await state()
    await inventory.ingest(layered('app', 'ab'))
    expect(await state()).toEqual(before)
  })
})

describe('layers and what they bring', () => {
  const at = (letter: string | null, name: string, path = '/var/lib/dpkg/status') =>
    debPackage(name, { locations: [{ path, layer: letter && digestOf(`diff ${letter}`) }] })
  const packages = [
    at('a', 'libc'),
    at('a', 'tar'),
    at('c', 'nginx'),
    at(null, 'ghost'),
    at('q', 'elsewhere'),
    at('c', 'odd', '/nul\0path'),
  ]
  const found = (ids: readonly string[], severity: 'high' | 'low' | 'critical') =>
    ids.map((id) => vulnerability(id, { severity, severityGiven: severity }))
  const history = [
    { createdBy: 'ADD rootfs', createdAt: '2026-10-01T10:00:00Z', isEmptyLayer: false },
    { createdBy: 'ENV A=b', createdAt: null, isEmptyLayer: true },
    { createdBy: 'RUN b', createdAt: null, isEmptyLayer: false },
    { createdBy: 'RUN c', createdAt: null, isEmptyLayer: false },
  ]

  beforeEach(async () => {
    await inventory.ingest(layered('distro', 'a'))
    const report = layered('app', 'abc', { packages })
    await inventory.ingest({
      ...report,
      config: { ...report.config!, history },
      engines: [
        engineReport({
          vulnerabilities: found(['CVE-1', 'CVE-2', 'CVE-3'], 'high'),
          matches: [match(0, 0), match(0, 1), match(2, 2), match(3, 0), match(4, 0)],
        }),
        // Says the same of CVE-1 in libc, at a higher severity.
        engineReport({
          engine: 'trivy',
          vulnerabilities: found(['CVE-1'], 'critical').map((one) => ({ ...one, namespace: 'debian' })),
          matches: [match(0, 0)],
        }),
      ],
    })
  })

  it('are counted, each finding once whoever reports it; what has no layer of the image is unplaced', async () => {
    const { items, unplaced } = await service.layers(digestOf('app'), everything)
    expect(
      items.map((layer) => [
        layer.diffId,
        layer.sizeBytes,
        layer.createdBy,
        layer.isFromBase,
        layer.packages,
        layer.findings.critical,
        layer.findings.high,
      ]),
    ).toEqual([
      [digestOf('diff a'), 100, 'ADD rootfs', true, 2, 1, 1],
      [digestOf('diff b'), 101, 'RUN b', false, 0, 0, 0],
      [digestOf('diff c'), 102, 'RUN c', false, 1, 0, 1],
    ])
    expect(unplaced).toMatchObject({ packages: 3, findings: { high: 2 } })
    expect(await service.base(digestOf('app'), everything)).toMatchObject({
      base: { digest: digestOf('distro'), source: 'prefix', layerCount: 1 },
      findings: { fromBase: 2, own: 1, unplaced: 2 },
    })
    expect(await service.base(digestOf('distro'), everything)).toEqual({ base: null, findings: { fromBase: 0, own: 0, unplaced: 0 } })
  })

  it("are told with findings: how many of an image are the base's", async () => {
    const found = await new FindingsRepository(inventory.results.database).images(
      (await inventory.query<{ id: string }>('select id from image')).map(({ id }) => id),
      null,
    )
    expect(Object.fromEntries([...found.values()].map((row) => [row.digest, row.base_layer_count]))).toEqual({
      [digestOf('distro')]: 0,
      [digestOf('app')]: 1,
    })
  })

  it('do not count what a decision suppresses', async () => {
    await inventory.query(
      'update finding set is_suppressed = true where vulnerability_id in (select id from vulnerability where native_id = $1)',
      ['CVE-1'],
    )
    expect((await service.base(digestOf('app'), everything)).findings).toEqual({ fromBase: 1, own: 1, unplaced: 0 })
  })

  it('name no base that the caller may not see, and no children either', async () => {
    const mine = principalFor(['registry.example/team-a/app'])
    expect((await service.base(digestOf('app'), mine)).base).toMatchObject({ digest: null, references: [], layerCount: 1 })
    await expect(service.children(digestOf('distro'), { limit: 10 }, mine)).rejects.toMatchObject({ code: 'not-found' })
    const base = principalFor(['registry.example/team-a/distro'])
    expect((await service.children(digestOf('distro'), { limit: 10 }, base)).items).toEqual([])
  })

  it('tell the children of a base in pages, the newest first', async () => {
    for (const name of ['b1', 'b2', 'b3', 'b4']) await inventory.ingest(layered(name, `a${name}`))
    const pages = await walk((cursor) => service.children(digestOf('distro'), { limit: 2, cursor }, everything))
    expect(pages.map(({ digest, layerCount }) => [digest, layerCount])).toEqual(
      ['b4', 'b3', 'b2', 'b1', 'app'].map((name) => [digestOf(name), 1]),
    )
  })
})
