import type { BatchOutcome, ScanTask } from '@pharos/contracts'
import { pollUntil } from '@pharos/service-kit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { admin, type ResultsApp, scoped, startResultsApp } from '../__tests__/results-app.js'

let app: ResultsApp
beforeAll(async () => {
  app = await startResultsApp()
})
afterAll(() => app.close())

const submit = (payload: unknown, headers: Record<string, string> = {}, principal = admin) =>
  app.request({ principal, method: 'POST', url: '/api/v1/scans', payload, headers })
const batch = (payload: unknown, headers: Record<string, string> = {}) =>
  app.request({ principal: admin, method: 'POST', url: '/api/v1/scans/-/batch', payload, headers })
const countTasks = async () => (await app.query<{ count: number }>('select count(*)::int as count from scan_task'))[0]?.count ?? 0

describe('POST /scans', () => {
  it('accepts a scan with everything that a caller may say', async () => {
    const answer = await submit({
      image: 'alpine:3.18',
      platform: 'linux/arm64',
      engines: ['trivy', 'grype'],
      priority: 'ci',
      cohort: 'x',
      context: { team: 'payments' },
    })
    expect(answer).toMatchObject({
      status: 202,
      body: {
        image: 'alpine:3.18',
        platform: 'linux/arm64',
        engines: ['grype', 'trivy'],
        priority: 'ci',
        cohort: 'x',
        state: 'queued',
        version: 0,
      },
    })
    const { id } = answer.body as ScanTask
    expect((await app.request({ principal: admin, method: 'GET', url: `/api/v1/scans/${id}` })).body).toEqual(answer.body)
  })

  it.each([
    ['a reference that begins with a dash', { image: '--config=/etc' }, 400, 'reference-invalid'],
    ['an unknown engine', { image: 'alpine', engines: ['clair'] }, 400, 'engine-unknown'],
    ['an unknown platform', { image: 'alpine', platform: 'x' }, 400, 'platform-invalid'],
    ['a body that is not JSON', '{', 400, 'json-invalid'],
    ['a key that stands twice', '{"image":"a","image":"b"}', 400, 'json-duplicate-key'],
  ])('refuses %s', async (_what, payload, status, code) => {
    expect(await submit(payload)).toMatchObject({ status, body: { code } })
  })

  it('is for the gateway alone', async () => {
    expect(
      await app.request({
        service: 'scanner-worker',
        principal: admin,
        method: 'POST',
        url: '/api/v1/scans',
        payload: { image: 'alpine' },
      }),
    ).toMatchObject({ status: 403 })
  })

  it('keeps the order of tasks that are submitted side by side, and loses none', async () => {
    const before = await countTasks()
    const tasks = await Promise.all(Array.from({ length: 300 }, (_, index) => app.submit(`side:${index}`)))
    expect(new Set(tasks.map((task) => task.id)).size).toBe(300)
    expect(tasks.map((task) => task.image)).toEqual(Array.from({ length: 300 }, (_, index) => `side:${index}`))
    expect(await countTasks()).toBe(before + 300)
  })
})

describe('an idempotency key', () => {
  it('gets the first answer again, to the byte, and makes no second task', async () => {
    const first = await submit({ image: 'alpine:3.18' }, { 'idempotency-key': 'k1' })
    const before = await countTasks()
    const second = await submit({ image: 'alpine:3.18' }, { 'idempotency-key': 'k1' })
    expect(second).toMatchObject({ status: 202, body: first.body })
    expect([first.headers['idempotency-replayed'], second.headers['idempotency-replayed']]).toEqual([undefined, 'true'])
    expect(await countTasks()).toBe(before)
  })

  it('is refused with another body', async () => {
    await submit({ image: 'alpine:3.18' }, { 'idempotency-key': 'k2' })
    expect(await submit({ image: 'alpine:3.19' }, { 'idempotency-key': 'k2' })).toMatchObject({
      status: 422,
      body: { code: 'idempotency-conflict' },
    })
  })

  it('belongs to its caller', async () => {
    const other = scoped('docker.io/*')
    const [mine, theirs] = [
      await submit({ image: 'alpine:3.18' }, { 'idempotency-key': 'k3' }),
      await submit({ image: 'alpine:3.18' }, { 'idempotency-key': 'k3' }, other),
    ]
    expect((mine.body as ScanTask).id).not.toBe((theirs.body as ScanTask).id)
  })

  it('makes one task of eight requests at once; the others get the answer or are told to wait', async () => {
    const before = await countTasks()
    const answers = await Promise.all(Array.from({ length: 8 }, () => submit({ image: 'once:1' }, { 'idempotency-key': 'k4' })))
    expect(await countTasks()).toBe(before + 1)
    expect(
      answers.every(
        (answer) => answer.status === 202 || (answer.status === 409 && (answer.body as { code: string }).code === 'idempotency-in-flight'),
      ),
    ).toBe(true)
  })

  it('is free again after a request that failed, and after one that died', async () => {
    expect(await submit({ image: 'registry.example/x' }, { 'idempotency-key': 'k5' }, scoped('docker.io/*'))).toMatchObject({ status: 403 })
    await app.query(
      `insert into idempotency_key (principal, route, key, body_sha256, locked_until) values ($1, 'submitScan', 'k6', 'x', now() - interval '1 second')`,
      [admin.id],
    )
    expect(await submit({ image: 'alpine:3.18' }, { 'idempotency-key': 'k6' })).toMatchObject({ status: 202 })
  })
})

describe('POST /scans:batch', () => {
  it('says for each item what came of it', async () => {
    const answer = await batch({
      items: ['alpine:3.18', '-x', { image: 'debian:12', engines: ['clair'] }, { image: 'debian:12', priority: 'background' }, 7],
      cohort: 'nightly',
    })
    const { accepted, refused, items } = answer.body as BatchOutcome
    expect([answer.status, accepted, refused]).toEqual([202, 2, 3])
    expect(items.map((item) => item.problem?.code ?? item.state)).toEqual([
      'queued',
      'reference-invalid',
      'engine-unknown',
      'queued',
      'request-invalid',
    ])
    expect(await app.task(items[0]!.id!)).toMatchObject({ image: 'alpine:3.18', priority: 'ci', cohort: 'nightly' })
    expect(await app.task(items[3]!.id!)).toMatchObject({ image: 'debian:12', priority: 'background' })
  })

  it('reads NDJSON, and a broken line spoils no other', async () => {
    const answer = await batch('"alpine:3.18"\n{"image":"debian:12"}\n{"image":\n\n{"image":"a","image":"b"}\n', {
      'content-type': 'application/x-ndjson',
    })
    expect((answer.body as BatchOutcome).items.map((item) => item.problem?.code ?? item.state)).toEqual([
      'queued',
      'queued',
      'json-invalid',
      'json-duplicate-key',
    ])
  })

  it('takes 10,000 items at once, all of them relayed', async () => {
    const before = await countTasks()
    const answer = await batch({
      items: Array.from({ length: 10_000 }, (_, index) => `registry.example/fleet/image-${index}:v1`),
      cohort: 'fleet',
    })
    expect((answer.body as BatchOutcome).accepted).toBe(10_000)
    expect(await countTasks()).toBe(before + 10_000)
    await pollUntil(
      async () => (await app.query(`select 1 from outbox where cohort = 'fleet' and relayed_at is null limit 1`)).length === 0,
      { timeoutMs: 90_000 },
    )
    expect((await app.jobs('scan')).filter((job) => job.id !== undefined).length).toBeGreaterThanOrEqual(10_000)
  })

  it('refuses more than that', async () => {
    expect(await batch({ items: Array.from({ length: 10_001 }, () => 'alpine') })).toMatchObject({
      status: 400,
      body: { code: 'request-invalid' },
    })
  })
})

describe('GET /scans', () => {
  it('pages through the newest first, and takes no foreign cursor', async () => {
    for (let index = 0; index < 5; index += 1) await app.submit({ image: `page:${index}`, cohort: 'pages' })
    const page = async (query: string) =>
      (await app.request({ principal: admin, method: 'GET', url: `/api/v1/scans?${query}` })).body as {
        items: ScanTask[]
        nextCursor: string | null
        code?: string
      }
    const first = await page('cohort=pages&limit=2')
    const second = await page(`cohort=pages&limit=2&cursor=${first.nextCursor ?? ''}`)
    const third = await page(`cohort=pages&limit=2&cursor=${second.nextCursor ?? ''}`)
    expect([...first.items, ...second.items, ...third.items].map((task) => task.image)).toEqual([
      'page:4',
      'page:3',
      'page:2',
      'page:1',
      'page:0',
    ])
    expect(third.nextCursor).toBeNull()
    expect((await page(`limit=2&cursor=${first.nextCursor ?? ''}`)).code).toBe('cursor-invalid')
    expect((await page('image=page:*&state=queued')).items).toHaveLength(5)
    expect((await page('state=sleeping')).code).toBe('filter-invalid')
  })
})
