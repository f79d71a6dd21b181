import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { principalFor } from '../inventory/__tests__/reads-harness.js'
import { createRematches, type Rematches, resultsOf } from './__tests__/rematch-harness.js'
import { begin, claimOne, first, second, stateOf } from './__tests__/two-editions.js'

let world: Rematches
beforeAll(async () => {
  world = await createRematches()
})
beforeEach(() => world.clear())
afterAll(() => world.inventory.results.close())

const admin = principalFor(null)

describe('the work of a re-match', () => {
  it('is taken by one worker at a time, delivered once, and refused of whoever lost it', async () => {
    await begin(world)
    const claimed = await claimOne(world)
    const other = await claimOne(world)
    expect(other.chunk).not.toBe(claimed.chunk)
    const results = resultsOf(claimed, second, first)
    await expect(world.deliver({ ...claimed, token: 'x' }, results)).rejects.toMatchObject({ code: 'attempt-superseded' })
    expect(await world.work.renew({ rematchId: claimed.rematchId, number: claimed.chunk, token: claimed.token })).toMatchObject({
      continue: true,
    })
    await world.query('update rematch_chunk set lease_until = now() where number = $1', [claimed.chunk])
    const next = await claimOne(world)
    expect(next.chunk).toBe(claimed.chunk)
    expect(await world.work.renew({ rematchId: claimed.rematchId, number: claimed.chunk, token: claimed.token })).toMatchObject({
      continue: false,
    })
    await expect(world.deliver(claimed, results)).rejects.toMatchObject({ code: 'attempt-superseded' })
    expect(await world.deliver(next, results)).toEqual({ outcome: 'stored' })
    const staged = await world.query('select * from rematch_unit order by package_id')
    expect(await world.deliver(next, results)).toEqual({ outcome: 'already-stored' })
    expect(await world.query('select * from rematch_unit order by package_id')).toEqual(staged)
  })

  it.each([
    ['a package of another chunk', { skipped: [999_999] }],
    [
      'a match of a vulnerability that is not there',
      { matches: [{ unit: 0, vulnerability: 9, contentHash: '00000000-0000-0000-0000-000000000000', content: null }] },
    ],
  ])('is refused with %s', async (_sentence, change) => {
    await begin(world)
    const claimed = await claimOne(world)
    const results = resultsOf(claimed, second, first)
    const [unit] = claimed.kind === 'packages' ? claimed.units : []
    const matches = 'matches' in change ? change.matches?.map((item) => ({ ...item, unit: unit?.id ?? 0 })) : undefined
    const wrong = { ...results, ...change, ...(matches === undefined ? {} : { matches }) } as typeof results
    await expect(world.deliver(claimed, wrong)).rejects.toMatchObject({ code: 'report-invalid' })
  })

  it('is given out again when a scan has changed what it was compared with', async () => {
    await begin(world)
    const claimed = await claimOne(world)
    const results = resultsOf(claimed, first, null)
    await world.query(`update package_match set content_hash = gen_random_uuid()`)
    expect(await world.deliver(claimed, results)).toEqual({ outcome: 'repeat' })
    expect(await world.query('select from rematch_unit')).toEqual([])
    expect((await claimOne(world)).chunk).toBe(claimed.chunk)
  })

  it('is given up after three attempts, and its packages are left to scans', async () => {
    const { former, id } = await begin(world)
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const claimed = await claimOne(world)
      expect(claimed.chunk).toBe(2)
      await world.work.fail({ rematchId: id, number: 2, token: claimed.token }, { reason: 'engine-crashed', isCounted: true })
    }
    await world.finish(second, first)
    expect(await world.service.get(id)).toMatchObject({
      state: 'done',
      progress: { failed: 1 },
      problem: 'Chunk 2 was given up: engine-crashed',
      report: { packages: { failed: 3 }, images: { covered: 0, rescanned: 1 } },
    })
    expect(await world.query('select generation_id from image_engine_result')).toEqual([{ generation_id: former.id }])
  })

  it('counts no attempt that its worker gave back without fault', async () => {
    const { id } = await begin(world)
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const { chunk, token } = await claimOne(world)
      await world.work.fail({ rematchId: id, number: chunk, token }, { reason: 'drain', isCounted: false })
    }
    expect((await claimOne(world)).chunk).toBe(2)
  })

  it('is left to scans when no worker has the engine', async () => {
    const { id, next } = await begin(world)
    await world.query(`update rematch_chunk set touched_at = now() - interval '1 hour'`)
    await world.course.advance()
    expect(await world.service.get(id)).toMatchObject({ state: 'done', report: { images: { covered: 0, rescanned: 1 } } })
    expect(await stateOf(world, next.id)).toBe('active')
  })

  it('rests while it is paused', async () => {
    const { id } = await begin(world)
    const claimed = await claimOne(world)
    expect(await world.service.pause(id, true, admin)).toMatchObject({ isPaused: true })
    expect(await world.claim()).toBeNull()
    expect(await world.work.renew({ rematchId: id, number: claimed.chunk, token: claimed.token })).toMatchObject({ continue: false })
    expect(await world.deliver(claimed, resultsOf(claimed, second, first))).toEqual({ outcome: 'stored' })
    await world.query(`update rematch_chunk set touched_at = now() - interval '1 hour'`)
    await world.course.advance()
    expect(await world.running()).toHaveLength(1)
    await world.service.pause(id, false, admin)
    await world.finish(second, first)
    await expect(world.service.pause(id, true, admin)).rejects.toMatchObject({ code: 'conflict' })
    expect(await world.query('select action from audit_event order by id')).toEqual([
      { action: 'rematch.pause' },
      { action: 'rematch.resume' },
    ])
  })
})

describe('a newer candidate while one is matched', () => {
  it('takes its place when nothing has come in', async () => {
    const { next, id } = await begin(world)
    const newer = await world.bring(3)
    expect(newer.state).toBe('matching')
    expect(await world.service.get(id)).toMatchObject({ state: 'abandoned' })
    expect(await stateOf(world, next.id)).toBe('refused')
    await world.finish(second, first)
    expect(await stateOf(world, newer.id)).toBe('active')
  })

  it('waits for its end otherwise, and is matched next', async () => {
    const { next } = await begin(world)
    const claimed = await claimOne(world)
    await world.deliver(claimed, resultsOf(claimed, second, first))
    const newer = await world.bring(3)
    expect(newer.state).toBe('candidate')
    await expect(world.bring(1)).rejects.toMatchObject({ code: 'database-older' })
    await world.workAll(second, first)
    await world.course.advance()
    expect([await stateOf(world, next.id), await stateOf(world, newer.id)]).toEqual(['active', 'matching'])
    await world.finish(second, second)
    expect([await stateOf(world, next.id), await stateOf(world, newer.id)]).toEqual(['retired', 'active'])
  })
})
