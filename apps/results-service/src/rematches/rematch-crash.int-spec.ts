import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createRematches, type Rematches } from './__tests__/rematch-harness.js'
import { storedState } from './__tests__/stored-state.js'
import { at, begin, everything, first, second, stateOf } from './__tests__/two-editions.js'

let world: Rematches
beforeAll(async () => {
  world = await createRematches()
})
beforeEach(() => world.clear())
afterAll(() => world.inventory.results.close())

describe('a crash', () => {
  const steps = [
    ['before anything is applied', 'matches', 'keepFormer'],
    ['before matches are applied', 'matches', 'apply'],
    ['before findings follow', 'findings', 'apply'],
    ['before results move', 'images', 'move'],
    ['before summaries are counted', 'summaries', 'recount'],
    ['before decisions are applied', 'decisions', 'applyToImages'],
  ] as const

  it.each(steps)('%s leaves everything as it was, and the switch is done again', async (_sentence, part, method) => {
    const { id, next } = await begin(world, { shop: everything, cart: [at('alpha')] })
    await world.workAll(second, first)
    const before = await storedState(world)
    const broken = world.parts[part] as unknown as Record<string, unknown>
    broken[method] = () => Promise.reject(new Error('killed'))
    await expect(world.course.advance()).rejects.toThrow('killed')
    delete broken[method]
    expect(await storedState(world)).toEqual(before)
    expect((await world.service.get(id)).state).toBe('switching')
    await world.course.advance()
    expect(await stateOf(world, next.id)).toBe('active')
    expect((await world.service.get(id)).report.findings).toEqual({ appeared: 1, gone: 1, changed: 3 })
  })

  it('at the end of the switch leaves everything as it was', async () => {
    await begin(world)
    await world.workAll(second, first)
    const before = await storedState(world)
    const end = world.rematches as unknown as Record<string, unknown>
    end['end'] = () => Promise.reject(new Error('killed'))
    await expect(world.course.advance()).rejects.toThrow('killed')
    delete end['end']
    expect(await storedState(world)).toEqual(before)
    await world.course.advance()
    expect(await world.running()).toEqual([])
  })
})
