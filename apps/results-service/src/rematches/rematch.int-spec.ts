import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { digestOf } from '../ingest/__tests__/report-builder.js'
import { principalFor } from '../inventory/__tests__/reads-harness.js'
import { type Edition, reportIn } from './__tests__/fleet-world.js'
import { createRematches, type Rematches, resultsOf } from './__tests__/rematch-harness.js'
import { storedState } from './__tests__/stored-state.js'
import { at, begin, everything, first, plain, second, stateOf } from './__tests__/two-editions.js'

let world: Rematches
beforeAll(async () => {
  world = await createRematches()
})
beforeEach(() => world.clear())
afterAll(() => world.inventory.results.close())

const admin = principalFor(null)

describe('a re-match', () => {
  it('judges the fleet by the new database: matches, findings, events, summaries, results, and says what it did', async () => {
    const { former, next, id } = await begin(world, { shop: everything, cart: [at('alpha'), at('delta')] })
    expect(next.state).toBe('matching')
    expect((await world.active())[0]?.id).toBe(former.id)
    const before = await storedState(world)
    await world.workAll(second, first)
    // Nothing is visible before the switch.
    expect(await storedState(world)).toEqual(before)
    await world.query(`delete from event`)
    await world.course.advance()
    const rematch = await world.service.get(id)
    expect(rematch).toMatchObject({
      state: 'done',
      isNarrowed: true,
      report: {
        packages: { matched: 2, skipped: 2, failed: 0 },
        matches: { appeared: 1, gone: 1, changed: 1, changedFix: 1 },
        vulnerabilities: { described: 2, changedSeverity: 1, changedKev: 0, epssCrossed: 0 },
        findings: { appeared: 1, gone: 1, changed: 3 },
        images: { affected: 2, covered: 2, rescanned: 0 },
      },
    })
    expect([await stateOf(world, former.id), await stateOf(world, next.id)]).toEqual(['retired', 'active'])
    expect(await world.query(`select distinct generation_id, database ->> 'builtAt' as built from image_engine_result`)).toEqual([
      { generation_id: next.id, built: '2026-11-02T00:00:00.000Z' },
    ])
    const events = await world.query(
      `select e.kind, e.cause, p.name, e.before_severity, e.before_fix_state, e.severity, e.fix_state, e.generation_id = $1 as is_of_new
         from finding_event e join finding f on f.id = e.finding_id join package p on p.id = f.package_id join image i on i.id = f.image_id where i.digest = $2 order by p.name, e.kind`,
      [next.id, digestOf('shop')],
    )
    const shared = { cause: 'database', is_of_new: true }
    expect(events).toEqual([
      { ...shared, kind: 'changed', name: 'alpha', before_severity: 4, before_fix_state: 2, severity: 4, fix_state: 1 },
      { ...shared, kind: 'appeared', name: 'beta', before_severity: null, before_fix_state: null, severity: 4, fix_state: 2 },
      { ...shared, kind: 'gone', name: 'beta', before_severity: 4, before_fix_state: 2, severity: null, fix_state: null },
      { ...shared, kind: 'changed', name: 'gamma', before_severity: 4, before_fix_state: 1, severity: 5, fix_state: 1 },
    ])
    const bodies = await world.query<{ body: { type: string; digest?: string } }>('select body from event order by xid, id')
    expect(bodies.map(({ body }) => body)).toEqual([
      { type: 'findings.changed', digest: digestOf('shop'), engine: 'grype', appeared: 1, gone: 1, changed: 2, cause: 'database' },
      { type: 'findings.changed', digest: digestOf('cart'), engine: 'grype', appeared: 0, gone: 0, changed: 1, cause: 'database' },
      { type: 'database.activated', generationId: next.id, engine: 'grype' },
    ])
    const intervals = await world.query(
      `select p.name, m.is_open, m.since_generation = $1 as since_new, m.until_generation = $1 as until_new from package_match m join package p on p.id = m.package_id
        where p.name in ('alpha', 'delta') order by p.name, m.id`,
      [next.id],
    )
    expect(intervals).toEqual([
      { name: 'alpha', is_open: false, since_new: false, until_new: true },
      { name: 'alpha', is_open: true, since_new: true, until_new: null },
      { name: 'delta', is_open: true, since_new: false, until_new: null },
    ])
    for (const table of ['rematch_unit', 'rematch_match', 'rematch_gone', 'rematch_vulnerability', 'rematch_score'])
      expect(await world.query(`select from ${table}`)).toEqual([])
  })

  it('is left out where no image has a result to move', async () => {
    await world.bring(1)
    expect((await world.bring(2)).state).toBe('active')
    expect(await world.running()).toEqual([])
  })

  it('without the former database at hand, or with another matcher, matches every package', async () => {
    const { former } = await begin(world)
    const claimed = await world.claim('0.999.0')
    expect(claimed).toMatchObject({ kind: 'packages', formerGeneration: null })
    expect(await world.claim()).toMatchObject({ formerGeneration: { id: former.id } })
    await world.query('update rematch_chunk set lease_until = null')
    await world.query('update database_generation set has_archive = false where id = $1', [former.id])
    expect(await world.claim()).toMatchObject({ kind: 'packages', formerGeneration: null })
  })

  it('makes a listing as known exploited, and an EPSS that crosses the threshold, events of findings; other moves are none', async () => {
    const moved: Edition = {
      ...first,
      records: [{ ...plain, isKev: true }, plain, { ...plain, epss: 0.2 }, plain, { ...plain, epss: 0.09, risk: 7 }, plain, plain, plain],
    }
    const { id } = await begin(world, { shop: [at('alpha'), at('beta'), at('gamma'), at('delta')] }, moved)
    await world.finish(moved, first)
    const events = await world.query(
      `select p.name, e.kind, e.before_is_kev, e.is_kev from finding_event e join finding f on f.id = e.finding_id join package p on p.id = f.package_id order by 1`,
    )
    expect(events).toEqual([
      { name: 'alpha', kind: 'changed', before_is_kev: false, is_kev: true },
      { name: 'beta', kind: 'changed', before_is_kev: false, is_kev: false },
    ])
    expect((await world.service.get(id)).report).toMatchObject({
      vulnerabilities: { changedKev: 1, epssCrossed: 1 },
      findings: { appeared: 0, gone: 0, changed: 2 },
    })
    expect(await world.query('select kev, max_risk from image_summary')).toEqual([{ kev: 1, max_risk: 7 }])
  })

  it('scans only those images again that hold a package which could not be matched', async () => {
    const { former, next } = await begin(world, { shop: everything, cart: [at('alpha')], blog: [at('beta', false)] })
    for (;;) {
      const claimed = await world.claim()
      if (claimed === null) break
      const results = resultsOf(claimed, second, first)
      if (claimed.kind === 'packages' && results.kind === 'packages') {
        const gamma = claimed.units.find(({ input }) => input.includes('gamma'))
        if (gamma !== undefined) {
          results.skipped = results.skipped.filter((unit) => unit !== gamma.id)
          results.failed.push({ id: gamma.id, reason: 'the matcher \0 failed' })
        }
      }
      await world.deliver(claimed, results)
    }
    await world.course.advance()
    expect(
      await world.query('select i.digest, r.generation_id from image_engine_result r join image i on i.id = r.image_id order by i.id'),
    ).toEqual([
      { digest: digestOf('shop'), generation_id: former.id },
      { digest: digestOf('cart'), generation_id: next.id },
      { digest: digestOf('blog'), generation_id: former.id },
    ])
    expect((await world.service.list({ limit: 5 })).items[0]).toMatchObject({
      problem: expect.stringContaining('the matcher \0 failed') as string,
      report: { packages: { failed: 1 }, images: { covered: 1, rescanned: 2 } },
    })
  })

  it('keeps a partial result partial, of its former database', async () => {
    const former = await world.bring(1)
    await world.ingest(reportIn(first, former.id, 'shop', everything, 'partial'))
    await world.ingest(reportIn(first, former.id, 'cart', [at('delta')]))
    await world.bring(2)
    await world.finish(second, first)
    expect(await world.query(`select status, generation_id from image_engine_result where status = 'partial'`)).toEqual([
      { status: 'partial', generation_id: former.id },
    ])
  })

  it('can be started by hand, in full or narrowed by the database before, and finds nothing new', async () => {
    const { id } = await begin(world)
    await expect(world.service.create({ engine: 'grype', full: true }, admin)).rejects.toMatchObject({ code: 'conflict' })
    await world.finish(second, first)
    const before = await storedState(world)
    for (const full of [true, false]) {
      const again = await world.service.create({ engine: 'grype', full }, admin)
      expect(again).toMatchObject({ state: 'preparing', isNarrowed: !full, isPaused: false })
      await world.finish(second, full ? null : first)
      expect((await world.service.get(again.id)).report).toMatchObject({
        matches: { appeared: 0, gone: 0, changed: 0 },
        findings: { appeared: 0, gone: 0, changed: 0 },
        packages: full ? { matched: 4, skipped: 0 } : { matched: 2, skipped: 2 },
      })
    }
    expect(await storedState(world)).toEqual(before)
    expect((await world.service.list({ limit: 2 })).items).toHaveLength(2)
    expect((await world.service.list({ limit: 9 })).items.at(-1)?.id).toBe(id)
    await expect(world.service.create({ engine: 'trivy', full: true }, admin)).rejects.toMatchObject({ code: 'conflict' })
  })

  it('does not move an image whose catalogue changed in a report of the former database', async () => {
    const { former } = await begin(world, { shop: [at('alpha')], cart: [at('beta')] })
    await world.finish(second, first)
    const late = await world.ingest(reportIn(first, former.id, 'shop', [at('alpha'), at('gamma')]))
    expect(late.outcome).toBe('catalogue-only')
    const [kept] = await world.query<{ generation_id: string | null }>(
      `select r.generation_id from image_engine_result r join image i on i.id = r.image_id where i.digest = $1`,
      [digestOf('shop')],
    )
    expect(kept?.generation_id).toBeNull()
  })
})
