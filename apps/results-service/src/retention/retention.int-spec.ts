import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import type { EventBody, RetentionPreview, ScanReport } from '@pharos/contracts'
import { FakeClock } from '@pharos/service-kit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { admin, type ResultsApp, scoped, startResultsApp } from '../__tests__/results-app.js'
import { receiveReport } from '../ingest/received-report.js'
import { tablesOfImages } from '../images/image-removal.js'
import { debPackage, digestOf, resolvedImage, simpleReport } from '../ingest/__tests__/report-builder.js'
import { ReportIntake } from '../attempts/report-intake.js'
import { ScanStorage } from '../runs/scan-storage.js'
import { RetentionService } from './retention.service.js'

const dayMs = 24 * 3_600_000
const clock = new FakeClock(new Date('2026-11-24T08:00:00.000Z'))
let app: ResultsApp
beforeAll(async () => {
  app = await startResultsApp({ clock, flags: ['--image-retention', '90d', '--history-horizon', '400d'] })
})
afterAll(() => app.close())
beforeEach(async () => {
  const tables = await app.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
        and relname not in ('schema_migration', 'redis_epoch', 'fact_change', 'schedule', 'vex_trust', 'api_token') order by 1`,
  )
  await app.query(`truncate ${tables.map(({ name }) => name).join(', ')} restart identity cascade`)
})

const ingest = async (report: ScanReport) => {
  await clock.advance(1000)
  const stored = await app.results.database.inTransaction((tx) =>
    app.get(ReportIntake).store(tx, {
      report: receiveReport(report),
      run: { id: randomUUID(), digest: report.image.digest },
      attempt: { id: randomUUID() },
    } as never),
  )
  // The test's clock runs ahead of the database's.
  await age(0, report.image.digest)
  return stored
}
const run = () => app.get(RetentionService).run(60_000)
const preview = async () => (await app.get(RetentionService).preview()).due
const images = async () => (await app.query<{ digest: string }>('select digest from image order by id')).map(({ digest }) => digest)
const count = async (table: string) => (await app.query<{ count: number }>(`select count(*)::int as count from ${table}`))[0]!.count
/** Nobody has asked for these images for so many days. */
const age = (days: number, ...names: string[]) =>
  app.query('update image set last_referenced_at = $1 where digest = any ($2::text[])', [
    new Date(clock.nowMs() - days * dayMs),
    names.map((name) => (name.startsWith('sha256:') ? name : digestOf(name))),
  ])
const workload = (name: string, change: { until?: Date | null; cluster?: string } = {}) =>
  app.query(
    `insert into workload (cluster, namespace, kind, name, container, digest, platform, reference, repository, image_id, since, until)
     select $1, 'n', 'Deployment', $2, 'c', digest, platform, 'r', 'r', id, '2020-01-01', $3 from image where digest = $4`,
    [change.cluster ?? 'eu', name, change.until ?? null, digestOf(name)],
  )
const cluster = (name: string, days: number) =>
  app.query(
    `insert into workload_source (cluster, sequence, snapshot_hash, observed_at, received_at, workload_count) values ($1, 1, $2, $3, $3, 1)`,
    [name, randomUUID(), new Date(clock.nowMs() - days * dayMs)],
  )

describe('images', () => {
  it('go when nobody has asked for them for the time, nothing runs them and nothing is built on them', async () => {
    const names = ['unused', 'asked', 'running', 'ran', 'ran-long-ago', 'lost', 'watched', 'base', 'child', 'scanned-now', 'rescanned-now']
    for (const name of names) await ingest(simpleReport(name, [`of-${name}`], [`CVE-${name}`]))
    await age(91, ...names)
    await age(89, 'asked', 'child')
    await cluster('eu', 1)
    await cluster('silent', 91)
    await workload('running')
    await workload('ran', { until: new Date(clock.nowMs() - 89 * dayMs) })
    await workload('ran-long-ago', { until: new Date(clock.nowMs() - 91 * dayMs) })
    await workload('lost', { cluster: 'silent' })
    await app.query(`insert into image_index (index_digest, platform, manifest_digest) values ('sha256:index', 'linux/amd64', $1)`, [
      digestOf('watched'),
    ])
    await app.query(
      `insert into watch (id, repository, tags, platforms, every, max_tags, created_by, notification_token_hash) values ('w', 'r', '{}', '{}', '1h', 1, 'a', '')`,
    )
    await app.query(`insert into watch_tag (watch_id, tag, digest) values ('w', 'v1', 'sha256:index')`)
    await app.query(
      `insert into image_base (image_id, base_image_id, source) select c.id, b.id, 'prefix' from image c, image b where c.digest = $1 and b.digest = $2`,
      [digestOf('child'), digestOf('base')],
    )
    await app.query(
      `insert into scan_task (id, image, repository, engines, priority, cause, state, phase, submitted_by, digest, known_digest)
       values ($1, 'x', 'x', '{grype}', 'ci', 'submit', 'running', 'match', 'a', $2, null), ($3, 'x', 'x', '{grype}', 'ci', 'schedule', 'queued', 'queue', 'a', null, $4)`,
      [randomUUID(), digestOf('scanned-now'), randomUUID(), digestOf('rescanned-now')],
    )
    expect((await preview())['images']).toBe(3)
    expect(await images()).toHaveLength(names.length)
    expect((await run()).removed['images']).toBe(3)
    expect(await images()).toEqual(names.filter((name) => !['unused', 'ran-long-ago', 'lost'].includes(name)).map(digestOf))
    const events = (await app.query<{ body: EventBody }>(`select body from event where body ->> 'type' = 'image.removed'`)).map(
      ({ body }) => body,
    )
    expect(events).toHaveLength(3)
    expect(await app.query(`select principal, action, detail from audit_event`)).toMatchObject([
      { principal: 'service:results-service', action: 'retention.remove', detail: { images: 3 } },
    ])
  })

  it('are kept by being asked for, not by being scanned again', async () => {
    await ingest(simpleReport('shop', ['tar'], ['CVE-1']))
    await age(91, 'shop')
    const storage = app.get(ScanStorage)
    await app.results.database.inTransaction((tx) => storage.upsertResolved(tx, resolvedImage('shop', { reference: null })))
    expect((await preview())['images']).toBe(1)
    await app.results.database.inTransaction((tx) => storage.upsertResolved(tx, resolvedImage('shop')))
    expect((await preview())['images']).toBe(0)
  })

  it('leave nothing behind in any table', async () => {
    const digest = digestOf('gone')
    const ids = (
      await app.query<{ name: string }>(
        `select table_name as name from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
        where table_schema = 'public' and column_name = 'image_id' and table_type = 'BASE TABLE' order by 1`,
      )
    ).map(({ name }) => name)
    // A new table that speaks of images is to be removed from, too.
    const known = [...tablesOfImages, 'finding', 'image_reference', 'workload'].sort()
    expect(ids.filter((name) => !/_(\d{4}_\d{2}|default)$/.test(name))).toEqual(known)
    await ingest(simpleReport('gone', ['tar', 'gzip'], ['CVE-1', 'CVE-2']))
    await ingest(simpleReport('gone', ['tar'], ['CVE-1']))
    const identity = { cataloguer: 'syft', version: '1.57.0', configuration: 'a1b2' }
    await app.get(ScanStorage).putCatalogue({ digest, identity, body: Readable.from([gzipSync('{}')]) })
    await cluster('eu', 100)
    await workload('gone')
    await age(91, 'gone')
    await run()
    expect(await images()).toEqual([])
    for (const table of ids) expect([table, await count(`${table} where image_id = 1`)]).toEqual([table, 0])
    for (const table of ['catalogue', 'catalogue_chunk', 'image_reference', 'image_context'])
      expect([table, await count(table)]).toEqual([table, 0])
    expect(await count('workload where image_id is null and until is null')).toBe(1)
  })
})

describe('facts', () => {
  it('go with the last image that had them, once a day, and not under a re-match', async () => {
    await ingest(simpleReport('kept', ['tar'], ['CVE-1']))
    await ingest(simpleReport('gone', ['tar', 'own'], ['CVE-1', 'CVE-2']))
    await age(91, 'gone')
    await app.query(
      `insert into rematch (id, engine, generation_id, cause, state, is_narrowed, last_vulnerability_id, created_by) values ($1, 'grype', $1, 'manual', 'preparing', false, 0, 'a')`,
      [randomUUID()],
    )
    expect((await run()).removed).toMatchObject({ images: 1, packages: 0, vulnerabilities: 0 })
    await app.query('update rematch set ended_at = now()')
    expect(await preview()).toMatchObject({ packages: 1, vulnerabilities: 0 })
    expect((await run()).removed).toMatchObject({ packages: 1 })
    expect(await app.query('select name from package')).toEqual([{ name: 'tar' }])
    // The package that stays still matches both.
    expect(await count('vulnerability')).toBe(2)
    await ingest(simpleReport('kept', ['tar'], ['CVE-1']))
    await app.query('delete from finding where not is_open')
    await app.query('delete from package_match m using vulnerability v where v.id = m.vulnerability_id and v.native_id = $1', ['CVE-2'])
    expect((await run()).removed).toMatchObject({ vulnerabilities: 0 })
    await clock.advance(dayMs)
    expect((await run()).removed).toMatchObject({ vulnerabilities: 1 })
    for (const table of ['vulnerability', 'vulnerability_group', 'vulnerability_score'])
      expect([table, await count(table)]).toEqual([table, 1])
    expect(await app.query('select alias from vulnerability_alias')).toEqual([{ alias: 'CVE-1' }])
    expect(await count('package_match')).toBe(1)
  })

  it('of a closed finding stay, though no image holds that version any more', async () => {
    const report = (version: string) => ({ ...simpleReport('shop', ['tar'], ['CVE-1']), packages: [debPackage('tar', { version })] })
    await ingest(report('1'))
    await ingest({ ...report('2'), engines: [{ ...report('2').engines[0]!, vulnerabilities: [], matches: [] }] })
    expect(await app.query('select is_open from finding')).toEqual([{ is_open: false }])
    expect((await run()).removed).toMatchObject({ packages: 0, vulnerabilities: 0 })
    expect(await count('package')).toBe(2)
    // Beyond the horizon the closed finding goes, and with it what it alone led to.
    await clock.advance(401 * dayMs)
    await app.query('update image set last_referenced_at = $1', [clock.now()])
    expect((await run()).removed).toMatchObject({ closedFindings: 1, packageChanges: 1, packages: 1, vulnerabilities: 1 })
    expect(await app.query('select version from package')).toEqual([{ version: '2' }])
  })

  it('that closed in a generation before the horizon go, but for those that findings speak of', async () => {
    await ingest(simpleReport('shop', ['tar'], ['CVE-1', 'CVE-2']))
    const generation = randomUUID()
    await app.query(
      `insert into database_generation (id, engine, source, file_name, state, activated_at) values ($1, 'grype', 'feed', 'f', 'retired', $2)`,
      [generation, new Date(clock.nowMs() - 401 * dayMs)],
    )
    await app.query('update package_match set is_open = false, until_generation = $1', [generation])
    const [gone] = await app.query<{ vulnerability_id: string }>(
      'delete from finding where id = (select min(id::text)::uuid from finding) returning vulnerability_id',
    )
    expect((await run()).removed).toMatchObject({ matches: 1 })
    expect(await count(`package_match where vulnerability_id = ${gone!.vulnerability_id}`)).toBe(0)
    expect(await count('package_match')).toBe(1)
  })
})

describe('what has ended', () => {
  it('goes beyond the horizon, but for the last reference that makes an image visible, and findings that somebody decided on', async () => {
    await ingest(simpleReport('shop', ['tar'], ['CVE-1', 'CVE-2']))
    await cluster('eu', 0)
    const [old, recent] = [new Date(clock.nowMs() - 401 * dayMs), new Date(clock.nowMs() - 399 * dayMs)]
    await workload('shop', { until: old })
    await workload('shop', { until: recent })
    for (const [repository, tag, until] of [
      ['registry.example/team-a/shop', 'v0', old],
      ['registry.example/team-b/shop', 'v0', old],
      ['registry.example/team-b/shop', 'v1', old],
      ['registry.example/team-b/shop', 'v2', recent],
      ['registry.example/team-c/shop', 'v0', old],
    ] as const) {
      await app.query(
        `insert into image_reference (repository, tag, platform, image_id, since, until) values ($1, $2, 'linux/amd64', 1, '2020-01-01', $3)`,
        [repository, tag, until],
      )
    }
    await app.query('update finding set is_open = false, last_seen_at = $1', [old])
    await app.query(
      `insert into finding_decision (finding_id, image_id, status, version, source, decided_by, decided_at) select id, image_id, 'accepted', 1, 'triage', 'a', now() from finding order by id limit 1`,
    )
    const due = await preview()
    expect(due).toMatchObject({ endedReferences: 3, endedWorkloads: 1, closedFindings: 1 })
    expect((await run()).removed).toMatchObject({ endedReferences: 3, endedWorkloads: 1, closedFindings: 1 })
    expect(await app.query(`select repository || ':' || tag as name from image_reference order by 1`)).toEqual([
      { name: 'registry.example/team-a/shop:v1' },
      { name: 'registry.example/team-b/shop:v2' },
      { name: 'registry.example/team-c/shop:v0' },
    ])
    expect(await app.query('select id from finding')).toEqual(await app.query('select finding_id as id from finding_decision'))
  })

  it('like SBOMs of a former cataloguer goes after a day, and what replaced them stays', async () => {
    await ingest(simpleReport('shop', ['tar'], ['CVE-1']))
    const put = (digest: string, version: string) =>
      app.get(ScanStorage).putCatalogue({
        digest,
        identity: { cataloguer: 'syft', version, configuration: 'a1b2' },
        body: Readable.from([gzipSync(`{"version": "${version}"}`)]),
      })
    for (const version of ['1.56.0', '1.57.0', '1.58.0']) await put(digestOf('shop'), version)
    await put(digestOf('never stored'), '1.57.0')
    // A path that JSON operators of PostgreSQL choke on.
    const odd = simpleReport('odd', ['tar'], ['CVE-1'])
    await ingest({ ...odd, catalogue: { ...odd.catalogue!, unreadable: [{ path: 'a\0b', reason: '\ud800' }] } })
    await put(digestOf('odd'), '1.56.0')
    await app.query(`update catalogue set created_at = $1 where version <> '1.58.0'`, [new Date(clock.nowMs() - 2 * dayMs)])
    await app.query(`update catalogue set created_at = $1 where version = '1.58.0'`, [clock.now()])
    expect(await preview()).toMatchObject({ supersededSboms: 2 })
    expect((await run()).removed).toMatchObject({ supersededSboms: 2 })
    expect(await app.query('select version from catalogue order by 1')).toEqual([
      { version: '1.56.0' },
      { version: '1.57.0' },
      { version: '1.58.0' },
    ])
    expect(await count('catalogue_chunk')).toBe(3)
  })
})

describe('a round', () => {
  it('whose time is over says so, and the next one goes on', async () => {
    await ingest(simpleReport('gone', ['tar'], ['CVE-1']))
    await age(91, 'gone')
    expect(await app.get(RetentionService).run(0)).toEqual({ removed: {}, hasMore: true })
    expect(await images()).toHaveLength(1)
    expect(await run()).toMatchObject({ removed: { images: 1 }, hasMore: false })
  })

  it('is asked for by the scheduler, and looked at by admins', async () => {
    await ingest(simpleReport('gone', ['tar'], ['CVE-1']))
    await age(91, 'gone')
    const looked = await app.request({ method: 'GET', url: '/api/v1/system/retention', principal: admin })
    expect(looked).toMatchObject({
      status: 200,
      body: { policies: { imageRetentionSeconds: 90 * 86_400 }, due: { images: 1 } } satisfies Partial<RetentionPreview> | object,
    })
    const expired = await app.request({ service: 'scheduler', method: 'POST', url: '/internal/v1/expire', payload: {} })
    expect(expired).toMatchObject({ status: 200, body: { removed: { images: 1, tasks: 0 }, hasMore: false } })
    expect(await app.request({ service: 'scheduler', method: 'GET', url: '/api/v1/system/retention', principal: scoped() })).toMatchObject({
      status: 403,
    })
  })
})
