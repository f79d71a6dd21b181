import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { findingId, findingIdSql, idPrefix } from '../findings/finding-identity.js'
import { digestOf } from '../ingest/__tests__/report-builder.js'
import { principalFor } from '../inventory/__tests__/reads-harness.js'
import { type Edition, type PlacedPackage, reportIn } from './__tests__/fleet-world.js'
import { createRematches, engineVersion, type Rematches, resultsOf } from './__tests__/rematch-harness.js'
import { storedState } from './__tests__/stored-state.js'

let world: Rematches
beforeAll(async () => {
  world = await createRematches()
})
beforeEach(() => world.clear())
afterAll(() => world.inventory.results.close())

const plain = { severity: 'high', risk: 4, epss: 0.05, isKev: false, hasCve: true } as const
const first: Edition = {
  records: [plain, plain, plain, plain, plain, plain, plain, plain],
  matches: {
    alpha: [{ record: 0, fixState: 'not-fixed', fixVersion: '' }],
    beta: [{ record: 2, fixState: 'not-fixed', fixVersion: '' }],
    gamma: [{ record: 4, fixState: 'fixed', fixVersion: '1' }],
    delta: [{ record: 6, fixState: 'fixed', fixVersion: '1' }],
  },
}
/** alpha is fixed, beta's vulnerability is gone and another has come, gamma's is rated anew, delta stays. */
const second: Edition = {
  records: [plain, plain, plain, plain, { ...plain, severity: 'critical', risk: 9 }, plain, { ...plain, risk: 5 }, plain],
  matches: {
    ...first.matches,
    alpha: [{ record: 0, fixState: 'fixed', fixVersion: '2' }],
    beta: [{ record: 7, fixState: 'not-fixed', fixVersion: '' }],
  },
}
const at = (name: string, hasInput = true): PlacedPackage => ({ name, place: `/opt/${name}`, hasInput })
const everything = ['alpha', 'beta', 'gamma', 'delta'].map((name) => at(name))
const admin = principalFor(null)

/** Scans images in the first database, and brings the second. */
async function begin(images: Record<string, readonly PlacedPackage[]> = { shop: everything }) {
  const former = await world.bring(1)
  for (const [name, packages] of Object.entries(images)) await world.ingest(reportIn(first, former.id, name, packages))
  const next = await world.bring(2)
  const [running] = await world.running()
  return { former, next, id: running?.id ?? '' }
}

const stateOf = async (id: string): Promise<unknown> =>
  (await world.query<{ state: string }>('select state from database_generation where id = $1', [id]))[0]?.state

async function claimOne() {
  const claimed = await world.claim()
  if (claimed === null) throw new Error('there is no chunk')
  return claimed
}

describe('a re-match', () => {
  it('judges the fleet by the new database: matches, findings, events, summaries, results, and says what it did', async () => {
    const { former, next, id } = await begin({ shop: everything, cart: [at('alpha'), at('delta')] })
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
        vulnerabilities: { described: 4, changedSeverity: 1, changedKev: 0, epssCrossed: 0 },
        findings: { appeared: 1, gone: 1, changed: 3 },
        images: { affected: 2, covered: 2, rescanned: 0 },
      },
    })
    expect([await stateOf(former.id), await stateOf(next.id)]).toEqual(['retired', 'active'])
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
    const { former } = await begin()
    const claimed = await world.claim('0.999.0')
    expect(claimed).toMatchObject({ kind: 'packages', formerGeneration: null })
    expect(await world.claim()).toMatchObject({ formerGeneration: { id: former.id } })
    await world.query('update rematch_chunk set lease_until = null')
    await world.query('update database_generation set has_archive = false where id = $1', [former.id])
    expect(await world.claim()).toMatchObject({ kind: 'packages', formerGeneration: null })
  })

  it('makes a listing as known exploited, and an EPSS that crosses the threshold, events of findings; other moves are none', async () => {
    const { id } = await begin({ shop: [at('alpha'), at('beta'), at('gamma'), at('delta')] })
    const moved: Edition = {
      ...first,
      records: [{ ...plain, isKev: true }, plain, { ...plain, epss: 0.2 }, plain, { ...plain, epss: 0.09, risk: 7 }, plain, plain, plain],
    }
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
    const { former, next } = await begin({ shop: everything, cart: [at('alpha')], blog: [at('beta', false)] })
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
    const { id } = await begin()
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
    const { former } = await begin({ shop: [at('alpha')], cart: [at('beta')] })
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

describe('the work of a re-match', () => {
  it('is taken by one worker at a time, delivered once, and refused of whoever lost it', async () => {
    await begin()
    const claimed = await claimOne()
    const other = await claimOne()
    expect(other.chunk).not.toBe(claimed.chunk)
    const results = resultsOf(claimed, second, first)
    await expect(world.deliver({ ...claimed, token: 'x' }, results)).rejects.toMatchObject({ code: 'attempt-superseded' })
    expect(await world.work.renew({ rematchId: claimed.rematchId, number: claimed.chunk, token: claimed.token })).toMatchObject({
      continue: true,
    })
    await world.query('update rematch_chunk set lease_until = now() where number = $1', [claimed.chunk])
    const next = await claimOne()
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
    await begin()
    const claimed = await claimOne()
    const results = resultsOf(claimed, second, first)
    const [unit] = claimed.kind === 'packages' ? claimed.units : []
    const matches = 'matches' in change ? change.matches?.map((item) => ({ ...item, unit: unit?.id ?? 0 })) : undefined
    const wrong = { ...results, ...change, ...(matches === undefined ? {} : { matches }) } as typeof results
    await expect(world.deliver(claimed, wrong)).rejects.toMatchObject({ code: 'report-invalid' })
  })

  it('is given out again when a scan has changed what it was compared with', async () => {
    await begin()
    const claimed = await claimOne()
    const results = resultsOf(claimed, first, null)
    await world.query(`update package_match set content_hash = gen_random_uuid()`)
    expect(await world.deliver(claimed, results)).toEqual({ outcome: 'repeat' })
    expect(await world.query('select from rematch_unit')).toEqual([])
    expect((await claimOne()).chunk).toBe(claimed.chunk)
  })

  it('is given up after three attempts, and its packages are left to scans', async () => {
    const { former, id } = await begin()
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const claimed = await claimOne()
      expect(claimed.chunk).toBe(1)
      await world.work.fail({ rematchId: id, number: 1, token: claimed.token }, { reason: 'engine-crashed', isCounted: true })
    }
    await world.finish(second, first)
    expect(await world.service.get(id)).toMatchObject({
      state: 'done',
      progress: { failed: 1 },
      problem: 'Chunk 1 was given up: engine-crashed',
      report: { packages: { failed: 3 }, images: { covered: 0, rescanned: 1 } },
    })
    expect(await world.query('select generation_id from image_engine_result')).toEqual([{ generation_id: former.id }])
  })

  it('counts no attempt that its worker gave back without fault', async () => {
    const { id } = await begin()
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const { chunk, token } = await claimOne()
      await world.work.fail({ rematchId: id, number: chunk, token }, { reason: 'drain', isCounted: false })
    }
    expect((await claimOne()).chunk).toBe(1)
  })

  it('is left to scans when no worker has the engine', async () => {
    const { id, next } = await begin()
    await world.query(`update rematch_chunk set touched_at = now() - interval '1 hour'`)
    await world.course.advance()
    expect(await world.service.get(id)).toMatchObject({ state: 'done', report: { images: { covered: 0, rescanned: 1 } } })
    expect(await stateOf(next.id)).toBe('active')
  })

  it('rests while it is paused', async () => {
    const { id } = await begin()
    const claimed = await claimOne()
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
    const { next, id } = await begin()
    const newer = await world.bring(3)
    expect(newer.state).toBe('matching')
    expect(await world.service.get(id)).toMatchObject({ state: 'abandoned' })
    expect(await stateOf(next.id)).toBe('refused')
    await world.finish(second, first)
    expect(await stateOf(newer.id)).toBe('active')
  })

  it('waits for its end otherwise, and is matched next', async () => {
    const { next } = await begin()
    const claimed = await claimOne()
    await world.deliver(claimed, resultsOf(claimed, second, first))
    const newer = await world.bring(3)
    expect(newer.state).toBe('candidate')
    await expect(world.bring(1)).rejects.toMatchObject({ code: 'database-older' })
    await world.workAll(second, first)
    await world.course.advance()
    expect([await stateOf(next.id), await stateOf(newer.id)]).toEqual(['active', 'matching'])
    await world.finish(second, second)
    expect([await stateOf(next.id), await stateOf(newer.id)]).toEqual(['retired', 'active'])
  })
})

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
    const { id, next } = await begin({ shop: everything, cart: [at('alpha')] })
    await world.workAll(second, first)
    const before = await storedState(world)
    const broken = world.parts[part] as unknown as Record<string, unknown>
    broken[method] = () => Promise.reject(new Error('killed'))
    await expect(world.course.advance()).rejects.toThrow('killed')
    delete broken[method]
    expect(await storedState(world)).toEqual(before)
    expect((await world.service.get(id)).state).toBe('switching')
    await world.course.advance()
    expect(await stateOf(next.id)).toBe('active')
    expect((await world.service.get(id)).report.findings).toEqual({ appeared: 1, gone: 1, changed: 3 })
  })

  it('at the end of the switch leaves everything as it was', async () => {
    await begin()
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
    const { id } = await begin({ shop: [at('beta')] })
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
  await begin()
  expect(await world.query('select base_engine_version from rematch')).toEqual([{ base_engine_version: engineVersion }])
})
