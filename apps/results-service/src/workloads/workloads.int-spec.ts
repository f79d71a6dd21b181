import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import type { ObservedWorkload, WorkloadSnapshotAnswer } from '@pharos/contracts'
import { FakeClock } from '@pharos/service-kit'
import { afterAll, beforeEach, describe, expect, it, beforeAll } from 'vitest'
import { admin, type ResultsApp, scoped, startResultsApp } from '../__tests__/results-app.js'
import { ImagesService } from '../images/images.service.js'
import { digestOf, resolvedImage } from '../ingest/__tests__/report-builder.js'
import { ScanStorage } from '../runs/scan-storage.js'
import { LateLinksService } from './late-links.service.js'
import { WorkloadClustersService } from './workload-clusters.service.js'

let app: ResultsApp
const clock = new FakeClock(new Date('2026-11-24T08:00:00.000Z'))
beforeAll(async () => {
  app = await startResultsApp({ clock })
})
afterAll(() => app.close())
beforeEach(async () => {
  await app.query('truncate workload, workload_source, image, image_index, image_reference, event, audit_event, scan_task cascade')
})

const container = (name: string, change: Partial<ObservedWorkload> = {}): ObservedWorkload => ({
  namespace: 'shop',
  kind: 'Deployment',
  name,
  container: 'main',
  image: `registry.example/team-a/${name}:v1`,
  imageId: `registry.example/team-a/${name}@${digestOf(name)}`,
  ...change,
})

function deferred(): { readonly promise: Promise<void>; resolve(): void } {
  let settle = (): void => undefined
  const promise = new Promise<void>((resolve) => {
    settle = resolve
  })
  return { promise, resolve: () => settle() }
}

let sequence = 0
const put = async (
  workloads: readonly ObservedWorkload[],
  {
    query = '',
    head = {},
    cluster = 'eu',
    principal = admin,
  }: { query?: string; head?: object; cluster?: string; principal?: typeof admin } = {},
) => {
  sequence += 1
  const answer = await app.request({
    method: 'PUT',
    url: `/api/v1/workloads/clusters/${cluster}${query}`,
    principal,
    payload: { sequence, observedAt: clock.now().toISOString(), isComplete: true, ...head, workloads },
  })
  return { status: answer.status, body: answer.body as WorkloadSnapshotAnswer & { code: string; detail: string; errors: unknown[] } }
}
const running = () =>
  app.query<{ name: string; digest: string; image: string | null; platform: string }>(
    'select w.name, w.digest, i.digest as image, w.platform from workload w left join image i on i.id = w.image_id where until is null order by 1, 4',
  )
const store = (...images: Parameters<ScanStorage['upsertResolved']>[1][]) =>
  app.results.database.inTransaction(async (tx) => {
    for (const image of images) await app.get(ScanStorage).upsertResolved(tx, image)
  })
const events = async () => (await app.query<{ body: { type: string } }>('select body from event order by xid, id')).map(({ body }) => body)

describe('a snapshot of a cluster', () => {
  it('replaces what is known to run: absent containers end, replicas are one', async () => {
    expect(await put([container('web'), container('web'), container('db')])).toMatchObject({
      status: 200,
      body: { outcome: 'stored', workloads: 2, appeared: 2, gone: 0, changed: 0, unknownImageCount: 2, submitted: 0 },
    })
    await put([container('other')], { cluster: 'us' })
    await clock.advance(60_000)
    const rolledOut = container('web', {
      imageId: `registry.example/team-a/web@${digestOf('web 2')}`,
      image: 'registry.example/team-a/web:v2',
    })
    expect((await put([rolledOut])).body).toMatchObject({ workloads: 1, appeared: 1, gone: 2 })
    expect(await app.query("select name, since, until from workload where cluster = 'eu' order by until nulls last, name")).toEqual([
      { name: 'db', since: new Date('2026-11-24T08:00:00.000Z'), until: new Date('2026-11-24T08:01:00.000Z') },
      { name: 'web', since: new Date('2026-11-24T08:00:00.000Z'), until: new Date('2026-11-24T08:01:00.000Z') },
      { name: 'web', since: new Date('2026-11-24T08:01:00.000Z'), until: null },
    ])
    expect((await running()).map(({ name }) => name)).toEqual(['other', 'web'])
    expect(await events()).toEqual([
      { type: 'workloads.changed', cluster: 'eu', appeared: 2, gone: 0 },
      { type: 'workloads.changed', cluster: 'us', appeared: 1, gone: 0 },
      { type: 'workloads.changed', cluster: 'eu', appeared: 1, gone: 2 },
    ])
  })

  it('that changes nothing is no event; changed labels keep the row', async () => {
    await put([container('web', { labels: { b: '1', a: '2' } })])
    const [before] = await app.query('select id from workload')
    expect((await put([container('web', { labels: { a: '2', b: '1' } })])).body).toMatchObject({ appeared: 0, gone: 0, changed: 0 })
    expect((await put([container('web', { labels: { a: '3' }, owner: 'team\0a' })])).body).toMatchObject({
      appeared: 0,
      gone: 0,
      changed: 1,
    })
    expect(await app.query('select id, owner, labels from workload')).toEqual([{ ...before, owner: 'team\uE0000a', labels: { a: '3' } }])
    expect(await events()).toHaveLength(1)
  })

  it('with gaps ends nothing, and does not make what is stored fresh again', async () => {
    await put([container('web')], { head: { expiresAfter: '10m' } })
    await clock.advance(60_000)
    expect((await put([container('db')], { head: { isComplete: false, problem: 'one node is silent' } })).body).toMatchObject({
      workloads: 2,
      gone: 0,
    })
    const { body } = await app.request({ method: 'GET', url: '/api/v1/workloads/clusters', principal: admin })
    expect(body).toMatchObject({ items: [{ cluster: 'eu', workloads: 2, unresolved: 2, problem: 'one node is silent' }] })
    const [source] = (body as { items: { expiresAt: string }[] }).items
    expect(Date.parse(source!.expiresAt)).toBe(clock.nowMs() + 9 * 60_000)
  })

  it('without anything needs somebody to vouch for it', async () => {
    expect(await put([])).toMatchObject({ status: 200, body: { workloads: 0 } })
    await put([container('web')])
    expect(await put([])).toMatchObject({ status: 409, body: { code: 'conflict' } })
    expect(await running()).toHaveLength(1)
    expect(await put([], { query: '?allowEmpty=true' })).toMatchObject({ status: 200, body: { workloads: 0, gone: 1 } })
  })

  it('is taken once: the same again is answered alike, an older or another one is refused', async () => {
    await put([container('web')], { head: { sequence: 1000 } })
    expect(await put([container('web')], { head: { sequence: 1000 } })).toMatchObject({
      status: 200,
      body: { outcome: 'already-taken', workloads: 1 },
    })
    expect(await put([container('db')], { head: { sequence: 1000 } })).toMatchObject({ status: 409, body: { code: 'conflict' } })
    const late = await put([container('web')], { head: { sequence: 999 } })
    expect(late).toMatchObject({ status: 409 })
    expect(late.body.detail).toContain('1000')
    expect((await running()).map(({ name }) => name)).toEqual(['web'])
  })

  it('sent twice at once is stored once', async () => {
    const workloads = Array.from({ length: 50 }, (_, index) => container(`w${index}`))
    const both = await Promise.all([put(workloads, { head: { sequence: 5000 } }), put(workloads, { head: { sequence: 5000 } })])
    expect(both.map(({ body }) => body.outcome).sort()).toEqual(['already-taken', 'stored'])
    expect(await running()).toHaveLength(50)
  })

  it.each([
    ['a platform that does not parse', { platform: 'linux' }, 'platform-invalid', '#/body/workloads/1'],
    ['an unknown field', { replicas: 3 }, 'request-invalid', '#/body/workloads/1/replicas'],
    ['a name that fits no index', { name: 'é' }, 'request-invalid', '#/body/workloads/1/name'],
  ])('is refused as a whole for %s, and says where', async (_case, change, code, pointer) => {
    const answer = await put([container('web'), { ...container('db'), ...change } as ObservedWorkload])
    expect(answer).toMatchObject({ status: 400, body: { code, errors: [{ pointer }] } })
    expect(await running()).toEqual([])
  })

  it('comes as NDJSON and compressed too, and is refused when it is cut off', async () => {
    const head = { sequence: 1e6, observedAt: clock.now().toISOString(), isComplete: true }
    const lines = [head, container('web'), container('db')].map((line) => JSON.stringify(line)).join('\n')
    const send = (payload: Buffer, headers: Record<string, string>) =>
      app.request({ method: 'PUT', url: '/api/v1/workloads/clusters/eu', principal: admin, payload, headers })
    const ndjson = { 'content-type': 'application/x-ndjson' }
    const gzip = { ...ndjson, 'content-encoding': 'gzip' }
    expect(await send(gzipSync(lines).subarray(0, 60), gzip)).toMatchObject({ status: 400, body: { code: 'request-invalid' } })
    expect(await send(Buffer.from(lines), gzip)).toMatchObject({ status: 400, body: { code: 'request-invalid' } })
    expect(await send(Buffer.from(lines.slice(0, -10)), ndjson)).toMatchObject({ status: 400, body: { code: 'json-invalid' } })
    expect(await send(Buffer.from(lines), { ...ndjson, 'content-encoding': 'br' })).toMatchObject({ status: 415 })
    expect(await running()).toEqual([])
    expect(await send(gzipSync(lines), gzip)).toMatchObject({ status: 200, body: { workloads: 2 } })
  })

  it('as the documentation writes it is taken', async () => {
    const page = readFileSync(new URL('../../../../docs/inventory.md', import.meta.url), 'utf8')
    const [, example = ''] = /```json\n([\s\S]*?)```/.exec(page) ?? []
    const answer = await app.request({
      method: 'PUT',
      url: '/api/v1/workloads/clusters/eu?submit=true',
      principal: admin,
      payload: example,
    })
    expect(answer).toMatchObject({ status: 200, body: { workloads: 1, unknownImageCount: 1, submitted: 1 } })
  })

  it('is refused from callers with a limited scope', async () => {
    expect(await put([container('web')], { principal: scoped('registry.example/team-a/*') })).toMatchObject({ status: 403 })
  })
})

describe('the image of a container', () => {
  const index = digestOf('an index')
  const amd = resolvedImage('multi', { indexDigest: index, indexPlatforms: [{ platform: 'linux/arm64', digest: digestOf('multi arm') }] })
  const arm = resolvedImage('multi arm', { platform: 'linux/arm64', configDigest: null })

  it('is found by the digest of its manifest, its configuration, or an index and the platform of the node', async () => {
    await store(amd, arm)
    const { body } = await put([
      container('by-manifest', { imageId: `x@${amd.digest}` }),
      container('by-config', { imageId: `docker://${amd.configDigest}` }),
      container('by-index', { imageId: `x@${index}` }),
      container('by-index', { imageId: `x@${index}`, platform: 'linux/arm64/v8' }),
      container('by-index', { imageId: `x@${index}`, platform: 'linux/s390x' }),
      container('untold', { imageId: '' }),
    ])
    expect(body).toMatchObject({ unknownImageCount: 2 })
    expect(await running()).toEqual([
      { name: 'by-config', digest: amd.configDigest, image: amd.digest, platform: 'linux/amd64' },
      { name: 'by-index', digest: index, image: amd.digest, platform: 'linux/amd64' },
      { name: 'by-index', digest: index, image: arm.digest, platform: 'linux/arm64' },
      { name: 'by-index', digest: index, image: null, platform: 'linux/s390x' },
      { name: 'by-manifest', digest: amd.digest, image: amd.digest, platform: 'linux/amd64' },
      { name: 'untold', digest: '', image: null, platform: 'linux/amd64' },
    ])
  })

  it('is linked when it is stored later, whichever digest was observed, and unknown again when it is removed', async () => {
    await put([
      container('by-config', { imageId: String(amd.configDigest) }),
      container('by-index', { imageId: `x@${index}` }),
      container('by-index', { imageId: `x@${index}`, platform: 'linux/arm64' }),
      container('by-manifest', { imageId: `x@${amd.digest}` }),
    ])
    await store(resolvedImage('unrelated'))
    expect((await running()).map(({ image }) => image)).toEqual([null, null, null, null])
    await store(amd)
    expect((await running()).map(({ image }) => image)).toEqual([amd.digest, amd.digest, null, amd.digest])
    // The index was told by the other platform's image: this one is scanned by its own digest.
    await store(arm)
    expect((await running()).map(({ image }) => image)).toEqual([amd.digest, amd.digest, arm.digest, amd.digest])
    await app.get(ImagesService).remove(amd.digest, admin)
    expect((await running()).map(({ image }) => image)).toEqual([null, null, arm.digest, null])
  })

  it('that was stored in the moment of the snapshot is linked by neither, and soon after', async () => {
    const written = deferred()
    const released = deferred()
    const stored = app.results.database.inTransaction(async (tx) => {
      await app.get(ScanStorage).upsertResolved(tx, resolvedImage('web'))
      written.resolve()
      await released.promise
    })
    await written.promise
    await put([container('web'), container('db')])
    released.resolve()
    await stored
    expect(await running()).toMatchObject([
      { name: 'db', image: null },
      { name: 'web', image: null },
    ])
    await app.get(LateLinksService).link()
    expect(await running()).toMatchObject([
      { name: 'db', image: null },
      { name: 'web', image: digestOf('web') },
    ])
  })

  it('known by its manifest is linked when its index becomes known', async () => {
    await store({ ...amd, indexDigest: null, indexPlatforms: [] })
    await put([container('by-index', { imageId: `x@${index}` })])
    expect((await running())[0]?.image).toBeNull()
    await store(amd)
    expect((await running())[0]?.image).toBe(amd.digest)
  })

  it('that is unknown is submitted once on request, by the digest that runs', async () => {
    const workloads = [
      container('web'),
      container('api', { imageId: `docker://${digestOf('api config')}` }),
      container('opaque', { image: digestOf('opaque'), imageId: digestOf('opaque') }),
    ]
    const first = await put(workloads, { query: '?submit=true' })
    expect(first.body).toMatchObject({ submitted: 2, unknownImageCount: 3 })
    expect(first.body.unknownImages.map(({ reference, isSubmitted }) => [reference, isSubmitted])).toEqual([
      ['registry.example/team-a/api:v1', true],
      ['registry.example/team-a/web:v1', true],
      [digestOf('opaque'), false],
    ])
    expect(await app.query('select image, platform, priority, cohort from scan_task order by image')).toEqual([
      { image: 'registry.example/team-a/api:v1', platform: 'linux/amd64', priority: 'background', cohort: 'workloads/eu' },
      { image: `registry.example/team-a/web@${digestOf('web')}`, platform: 'linux/amd64', priority: 'background', cohort: 'workloads/eu' },
    ])
    expect((await put(workloads, { query: '?submit=true' })).body).toMatchObject({ submitted: 0 })
    await app.query("update scan_task set state = 'failed', ended_at = now(), submitted_at = now() - interval '25 hours'")
    expect((await put(workloads, { query: '?submit=true' })).body).toMatchObject({ submitted: 2 })
  })

  it('is submitted only while few scans of the cluster are on their way', async () => {
    const many = Array.from({ length: 520 }, (_, position) => container(`w${position}`))
    expect((await put(many, { query: '?submit=true' })).body).toMatchObject({ submitted: 500 })
    expect((await put(many, { query: '?submit=true' })).body).toMatchObject({ submitted: 0 })
    await app.query("update scan_task set state = 'succeeded', ended_at = now() where image in (select image from scan_task limit 5)")
    expect((await put(many, { query: '?submit=true' })).body).toMatchObject({ submitted: 5 })
  })
})

describe('clusters', () => {
  it('that are silent for too long are stale, once, and fresh again when they speak; what they ran is kept', async () => {
    await put([container('web')], { head: { expiresAfter: '10m' } })
    const clusters = app.get(WorkloadClustersService)
    await clock.advance(599_000)
    await clusters.markStale()
    expect((await events()).map(({ type }) => type)).toEqual(['workloads.changed'])
    await clock.advance(1000)
    await clusters.markStale()
    await clusters.markStale()
    expect((await events()).slice(1)).toEqual([{ type: 'workloads.stale', cluster: 'eu', since: clock.now().toISOString() }])
    expect(await clusters.list(admin)).toMatchObject({ items: [{ staleSince: clock.now().toISOString(), workloads: 1 }] })
    await put([container('web')])
    expect(await clusters.list(admin)).toMatchObject({ items: [{ staleSince: null, workloads: 1 }] })
  })

  it('are shown with what the caller may see of them', async () => {
    await put([container('web'), container('secret', { image: 'registry.example/team-b/secret:v1' })])
    await put([container('hidden', { image: 'registry.example/team-b/hidden:v1' })], { cluster: 'us' })
    const list = (principal: typeof admin) => app.get(WorkloadClustersService).list(principal)
    expect((await list(admin)).items.map(({ cluster, workloads }) => [cluster, workloads])).toEqual([
      ['eu', 2],
      ['us', 1],
    ])
    expect((await list(scoped('registry.example/team-a/*'))).items.map(({ cluster, workloads }) => [cluster, workloads])).toEqual([
      ['eu', 1],
    ])
  })

  it('that are removed end what they ran, are audited, and may begin again with any sequence', async () => {
    await put([container('web')])
    const remove = () => app.request({ method: 'DELETE', url: '/api/v1/workloads/clusters/eu', principal: admin })
    expect(await remove()).toMatchObject({ status: 204 })
    expect(await remove()).toMatchObject({ status: 404 })
    expect(await running()).toEqual([])
    expect(await app.query('select principal, action, subject, detail from audit_event')).toEqual([
      { principal: 'user:admin', action: 'workload-cluster.remove', subject: 'eu', detail: { gone: 1 } },
    ])
    expect((await events()).at(-1)).toEqual({ type: 'workloads.changed', cluster: 'eu', appeared: 0, gone: 1 })
    expect(await put([container('web')], { head: { sequence: 1 } })).toMatchObject({ status: 200 })
  })
})
