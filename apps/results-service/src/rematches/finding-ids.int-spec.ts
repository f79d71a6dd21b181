import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { findingId, findingIdSql, idPrefix } from '../findings/finding-identity.js'
import { digestOf } from '../ingest/__tests__/report-builder.js'
import { createRematches, engineVersion, type Rematches } from './__tests__/rematch-harness.js'
import { at, begin, first, second } from './__tests__/two-editions.js'

let world: Rematches
beforeAll(async () => {
  world = await createRematches()
})
beforeEach(() => world.clear())
afterAll(() => world.inventory.results.close())

describe('ids of findings', () => {
  it.each([['CVE-2026-1'], ['a "quoted" \\ name'], ['tab\tand\u0001control'], ['ü\u2028\uE0000 and 😀'], ["it's"]])(
    'in SQL are those of the code: %j',
    async (seed) => {
      const key = {
        imageDigest: digestOf('shop'),
        occurrence: '0190d7a2-6c1e-7d5b-8b0a-3a6f0b1c2d3e',
        groupSeed: seed,
        engine: 'grype' as const,
      }
      const sql = findingIdSql({ digest: '$1::text', occurrence: '$2::uuid', seed: '$3', engine: '$4', salt: '$5' })
      for (const salt of [0, 1, 12]) {
        const [row] = await world.query<{ id: string }>(`select ${sql} as id`, [key.imageDigest, key.occurrence, seed, key.engine, salt])
        expect(row?.id).toBe(findingId(key, idPrefix(key.imageDigest), salt))
      }
    },
  )

  it('that another finding has already get the next salt', async () => {
    const { id } = await begin(world, { shop: [at('beta')] })
    const idOf = async (salt: number) =>
      findingId(
        { imageDigest: digestOf('shop'), occurrence: await occurrence(), groupSeed: 'CVE-2026-1003', engine: 'grype' },
        idPrefix(digestOf('shop')),
        salt,
      )
    // As if the finding had been made when its record was of the group that the next one is of.
    await world.query('update finding set id = $1', [await idOf(0)])
    await world.finish(second, first)
    expect((await world.service.get(id)).report.findings).toEqual({ appeared: 1, gone: 1, changed: 0 })
    expect(await world.query('select id, is_open from finding order by is_open')).toEqual([
      { id: await idOf(0), is_open: false },
      { id: await idOf(1), is_open: true },
    ])
  })
})

async function occurrence(): Promise<string> {
  const [row] = await world.query<{ occurrence: string }>('select occurrence from image_package limit 1')
  return row?.occurrence ?? ''
}

it('a worker is told of the version of the matcher that stored results are of', async () => {
  await begin(world)
  expect(await world.query('select base_engine_version from rematch')).toEqual([{ base_engine_version: engineVersion }])
})
