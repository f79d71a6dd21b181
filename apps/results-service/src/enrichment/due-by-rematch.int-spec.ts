import { afterAll, beforeAll, expect, it } from 'vitest'
import { digestOf } from '../ingest/__tests__/report-builder.js'
import { createRematches, type Rematches } from '../rematches/__tests__/rematch-harness.js'
import { at, begin, everything, first, second } from '../rematches/__tests__/two-editions.js'
import { imageChanged } from './due-subjects.js'

let world: Rematches
beforeAll(async () => {
  world = await createRematches()
})
afterAll(() => world.inventory.results.close())

it('a re-match makes images due whose findings or risk it moves, in its switch and not before, and no others', async () => {
  await begin(world, { shop: everything, cart: [at('alpha'), at('delta')], still: [at('nothing')] })
  await world.query(
    `insert into enricher_set (id, hash, state, files, created_by) values ('0190d7a2-6c1e-7d5b-8b0a-3a6f0b1c2d3e', 'h', 'active', '[]', 'user:admin')`,
  )
  await world.inventory.results.database.inTransaction(async (tx) => {
    for (const name of ['shop', 'cart', 'still']) await imageChanged(tx, digestOf(name))
  })
  await world.query('delete from enrichment_work')
  const due = async () =>
    (
      await world.query<{ digest: string }>(
        'select i.digest from enrichment_work w join enrichment_subject s on s.id = w.subject_id join image i on i.id = s.image_id order by 1',
      )
    ).map(({ digest }) => digest)
  await world.workAll(second, first)
  expect(await due()).toEqual([])
  await world.course.advance()
  expect(await due()).toEqual([digestOf('shop'), digestOf('cart')].sort())
})
