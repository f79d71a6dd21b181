import { createHash } from 'node:crypto'
import { ClaimedRematchChunk } from '@pharos/contracts'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { principalFor } from '../inventory/__tests__/reads-harness.js'
import { reportIn } from './__tests__/fleet-world.js'
import { createRematches, type Rematches, resultsOf } from './__tests__/rematch-harness.js'
import { storedState } from './__tests__/stored-state.js'
import { at, claimOne, everything, first, second } from './__tests__/two-editions.js'

let world: Rematches
beforeAll(async () => {
  world = await createRematches()
})
beforeEach(() => world.clear())
afterAll(() => world.inventory.results.close())

const admin = principalFor(null)

/** Images whose packages have their search keys from a re-match in the first database; then the second comes. */
async function beginKeyed() {
  const former = await world.bring(1)
  await world.ingest(reportIn(first, former.id, 'shop', everything))
  await world.service.create({ engine: 'grype', full: true }, admin)
  await world.finish(first, null)
  const next = await world.bring(2)
  const [running] = await world.running()
  return { former, next, id: running?.id ?? '' }
}

async function namesOf(ids: readonly number[]): Promise<string[]> {
  const found = await world.query<{ name: string }>('select name from package where id = any ($1::int8[]) order by name', [ids])
  return found.map(({ name }) => name)
}

describe('a re-match by a database of which it is known what differs', () => {
  it('begins with that, and gives out those packages and vulnerabilities alone', async () => {
    const { id } = await beginKeyed()
    const difference = await claimOne(world)
    expect(difference.kind).toBe('difference')
    expect(await world.claim()).toBeNull()
    await world.deliver(difference, resultsOf(difference, second, first))
    const packages = await claimOne(world)
    if (packages.kind !== 'packages') throw new Error('the packages come first')
    expect(await namesOf(packages.units.map((unit) => unit.id))).toEqual(['alpha', 'beta'])
    expect(packages.withKeys).toBe(false)
    const scores = await claimOne(world)
    // The second database rates gamma's anew, and has another risk of delta's.
    if (scores.kind !== 'scores') throw new Error('the scores come next')
    expect(scores.vulnerabilities.map(({ nativeId }) => nativeId).sort()).toEqual(['CVE-2026-1002', 'CVE-2026-1003'])
    for (const claimed of [packages, scores]) await world.deliver(claimed, resultsOf(claimed, second, first))
    expect((await world.service.get(id)).report.packages).toEqual({ matched: 2, skipped: 2, failed: 0 })
    await world.course.advance()
    expect(await world.service.get(id)).toMatchObject({
      state: 'done',
      report: { packages: { matched: 2, skipped: 2, failed: 0 }, images: { covered: 1, rescanned: 0 } },
    })
    const { seconds } = (await world.service.get(id)).report
    expect(seconds.comparing).toBeGreaterThan(0)
    expect(Object.keys(seconds.phases ?? {})).toEqual(expect.arrayContaining(['arrivals', 'matches', 'findings', 'summaries']))
  })

  it('matches every package of which it does not know what it is searched for by, and keeps that', async () => {
    await beginKeyed()
    await world.query(`delete from package_search s using package p where p.id = s.package_id and p.name = 'delta'`)
    await world.query(`update package_search s set version = 'other' from package p where p.id = s.package_id and p.name = 'gamma'`)
    const difference = await claimOne(world)
    await world.deliver(difference, resultsOf(difference, second, first))
    await world.finish(second, first)
    expect(await world.query('select count(*)::int as n, count(distinct version)::int as versions from package_search')).toEqual([
      { n: 4, versions: 1 },
    ])
  })

  it('misses what a difference leaves out: a wrong one shows in what is stored', async () => {
    const { id } = await beginKeyed()
    const before = await storedState(world)
    const difference = await claimOne(world)
    const told = resultsOf(difference, second, first)
    if (told.kind !== 'difference') throw new Error('no difference')
    await world.deliver(difference, { ...told, keys: [], records: [], scores: [] })
    await world.finish(second, first)
    expect((await world.service.get(id)).report.packages).toMatchObject({ matched: 0, skipped: 4 })
    const { findings } = await storedState(world)
    expect(findings).toEqual(before.findings)
  })

  it('takes a package that comes in meanwhile in another round', async () => {
    const { former, id } = await beginKeyed()
    const difference = await claimOne(world)
    await world.deliver(difference, resultsOf(difference, second, first))
    await world.ingest(reportIn(first, former.id, 'cart', [at('omega'), at('alpha')]))
    await world.finish(second, first)
    expect(await world.service.get(id)).toMatchObject({
      progress: { round: 2 },
      report: { packages: { failed: 0 }, images: { covered: 2, rescanned: 0 } },
    })
  })

  it('does not take a scan meanwhile for a change where both databases say the same', async () => {
    const { former, id } = await beginKeyed()
    const difference = await claimOne(world)
    await world.deliver(difference, resultsOf(difference, second, first))
    await world.query(`update package_match m set is_open = false from package p where p.id = m.package_id and p.name = 'delta'`)
    await world.ingest(reportIn(first, former.id, 'cart', [at('delta')]))
    await world.finish(second, first)
    expect(await world.service.get(id)).toMatchObject({ progress: { round: 1 }, report: { images: { covered: 2, rescanned: 0 } } })
  })

  it.each([
    ['everything differs', { isEverything: true }],
    ['another matcher than the one that made what is stored has told it', { engineVersion: '0.999.0' }],
  ])('matches every package when %s', async (_sentence, change) => {
    const { id } = await beginKeyed()
    const difference = await claimOne(world)
    await world.deliver(difference, { ...resultsOf(difference, second, first), ...change } as never)
    await world.finish(second, null)
    expect(await world.service.get(id)).toMatchObject({ isNarrowed: false, report: { packages: { matched: 4, skipped: 0 } } })
  })

  it('matches every package when nobody could tell it', async () => {
    const { id } = await beginKeyed()
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const { chunk, token } = await claimOne(world)
      await world.work.fail({ rematchId: id, number: chunk, token }, { reason: 'engine-crashed', isCounted: true })
    }
    await world.finish(second, null)
    expect(await world.service.get(id)).toMatchObject({
      state: 'done',
      isNarrowed: false,
      report: { packages: { matched: 4, skipped: 0, failed: 0 }, images: { covered: 1, rescanned: 0 } },
    })
  })

  it('matches every package when the former database is no longer at hand', async () => {
    const { former, id } = await beginKeyed()
    await world.query('update database_generation set has_archive = false where id = $1', [former.id])
    expect((await claimOne(world)).kind).toBe('packages')
    await world.query('update rematch_chunk set lease_until = null')
    await world.finish(second, null)
    expect(await world.service.get(id)).toMatchObject({ isNarrowed: false, report: { packages: { matched: 4 } } })
  })

  it('is not given to a worker that does not know this work', async () => {
    await beginKeyed()
    expect(await world.work.claim({ workerId: 'old', engineVersion: '0.121.2' })).toEqual({ outcome: 'none' })
  })

  it('is given up for a newer database when nothing but the difference is known', async () => {
    await beginKeyed()
    const difference = await claimOne(world)
    await world.deliver(difference, resultsOf(difference, second, first))
    expect((await world.bring(3)).state).toBe('matching')
  })
})

describe('a database that waits for its verdict', () => {
  it('is named to workers that have nothing to do', async () => {
    const bytes = Buffer.from('archive')
    const checksum = createHash('sha256').update(bytes).digest('hex')
    const { id } = await world.generations.create({ engine: 'grype', source: 'feed', checksum, fileName: 'db.tar.zst' })
    await world.generations.writeArchive(
      id,
      (async function* () {
        yield await Promise.resolve(bytes)
      })(),
    )
    const claimed = await world.work.claim({ workerId: 'w', engineVersion: '1', comparesDatabases: true })
    expect(ClaimedRematchChunk.parse(claimed)).toMatchObject({
      outcome: 'none',
      prepare: { id },
    })
  })
})
