import { createHash } from 'node:crypto'
import type { AuditEntry, AuthenticateResult, CreatedToken, Principal, SystemStatus, Token } from '@pharos/contracts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { admin, bootstrapToken, type ResultsApp, scoped, startResultsApp } from '../__tests__/results-app.js'

let app: ResultsApp
beforeAll(async () => {
  app = await startResultsApp()
})
afterAll(() => app.close())

const authenticate = async (payload: object) =>
  (await app.request({ method: 'POST', url: '/internal/v1/authenticate', payload })).body as AuthenticateResult
const withToken = (token: string) => authenticate({ kind: 'token', sha256: createHash('sha256').update(token).digest('hex') })
const createToken = (principal: Principal, payload: object) => app.request({ principal, method: 'POST', url: '/api/v1/tokens', payload })

describe('authentication', () => {
  it('knows the bootstrap token from the start, as an admin', async () => {
    expect(await withToken(bootstrapToken)).toMatchObject({
      principal: { name: 'bootstrap', kind: 'token', roles: ['admin'], scope: { repositories: null } },
      expiresAt: null,
    })
    expect(await withToken(`${bootstrapToken}x`)).toEqual({ principal: null, expiresAt: null })
  })

  it('knows a token until it is revoked or expires', async () => {
    const created = (await createToken(admin, { name: 'ci', roles: ['scanner'], repositories: ['registry.example/*'], expiresInDays: 1 }))
      .body as CreatedToken
    expect(created.token).toMatch(/^phr_[A-Za-z0-9-]{12}_[A-Za-z0-9-]{43}$/)
    expect(await withToken(created.token)).toMatchObject({
      principal: { id: `token:${created.id}`, roles: ['scanner'], scope: { repositories: ['registry.example/*'] } },
      expiresAt: created.expiresAt,
    })
    await app.query(`update api_token set expires_at = now() - interval '1 second' where id = $1`, [created.id])
    expect((await withToken(created.token)).principal).toBeNull()
    await app.query('update api_token set expires_at = null where id = $1', [created.id])
    expect(await app.request({ principal: admin, method: 'DELETE', url: `/api/v1/tokens/${created.id}` })).toMatchObject({ status: 204 })
    expect((await withToken(created.token)).principal).toBeNull()
  })

  it('knows a user by his password, until he is removed', async () => {
    expect(
      await app.request({
        principal: admin,
        method: 'POST',
        url: '/api/v1/users',
        payload: { name: 'ana', password: 'correct horse battery', roles: ['triager'] },
      }),
    ).toMatchObject({ status: 201, body: { name: 'ana' } })
    expect(
      await app.request({
        principal: admin,
        method: 'POST',
        url: '/api/v1/users',
        payload: { name: 'ana', password: 'correct horse battery', roles: ['viewer'] },
      }),
    ).toMatchObject({ status: 409, body: { code: 'conflict' } })
    expect((await authenticate({ kind: 'basic', name: 'ana', password: 'correct horse battery' })).principal).toMatchObject({
      id: 'user:ana',
      roles: ['triager'],
    })
    expect((await authenticate({ kind: 'basic', name: 'ana', password: 'wrong' })).principal).toBeNull()
    expect((await authenticate({ kind: 'basic', name: 'nobody', password: 'wrong' })).principal).toBeNull()
    expect(await app.request({ principal: admin, method: 'DELETE', url: '/api/v1/users/ana' })).toMatchObject({ status: 204 })
    expect((await authenticate({ kind: 'basic', name: 'ana', password: 'correct horse battery' })).principal).toBeNull()
  })
})

describe('tokens', () => {
  it('never reach further than their maker', async () => {
    const maker = scoped('registry.example/team-a/*')
    expect(await createToken(maker, { name: 'x', roles: ['admin'] })).toMatchObject({ status: 403, body: { code: 'forbidden' } })
    expect(await createToken(maker, { name: 'x', roles: ['scanner'], repositories: ['registry.example/*'] })).toMatchObject({ status: 403 })
    expect(await createToken(maker, { name: 'x', roles: ['scanner'] })).toMatchObject({
      status: 201,
      body: { scope: { repositories: ['registry.example/team-a/*'] } },
    })
  })

  it('are listed and revoked by their makers, all of them by an admin, and never shown again', async () => {
    const [one, other] = [scoped('a/*'), scoped('b/*')]
    const created = (await createToken(one, { name: 'mine', roles: ['viewer'] })).body as CreatedToken
    const list = async (principal: Principal) =>
      (await app.request({ principal, method: 'GET', url: '/api/v1/tokens?limit=500' })).body as { items: Token[] }
    expect((await list(one)).items.map((token) => token.id)).toEqual([created.id])
    expect((await list(other)).items).toEqual([])
    expect((await list(admin)).items.map((token) => token.id)).toContain(created.id)
    expect(JSON.stringify(await list(admin))).not.toContain(created.token)
    expect(await app.request({ principal: other, method: 'DELETE', url: `/api/v1/tokens/${created.id}` })).toMatchObject({ status: 404 })
    expect(await app.request({ principal: one, method: 'DELETE', url: `/api/v1/tokens/${created.id}` })).toMatchObject({ status: 204 })
  })
})

describe('the audit log', () => {
  it('says who made each change, newest first, a page at a time', async () => {
    await createToken(admin, { name: 'audited', roles: ['viewer'] })
    const page = async (query: string) =>
      (await app.request({ principal: admin, method: 'GET', url: `/api/v1/audit?${query}` })).body as {
        items: AuditEntry[]
        nextCursor: string | null
      }
    const first = await page('action=token.create&limit=1')
    expect(first.items[0]).toMatchObject({
      principal: 'user:admin',
      action: 'token.create',
      detail: { name: 'audited', roles: ['viewer'] },
    })
    const second = await page(`action=token.create&limit=1&cursor=${first.nextCursor ?? ''}`)
    expect(Number(second.items[0]?.id)).toBeLessThan(Number(first.items[0]?.id))
  })
})

describe('GET /system and what expires', () => {
  it('shows workers, engines and queues', async () => {
    const engines = [{ engine: 'grype', version: '0.121.2', available: true, reason: null }]
    expect(
      await app.request({
        service: 'scanner-worker',
        method: 'POST',
        url: '/internal/v1/workers/heartbeat',
        payload: { workerId: 'w1', version: '0.1.0', slots: 2, busy: 1, engines },
      }),
    ).toMatchObject({ status: 200 })
    const system = (await app.request({ principal: admin, method: 'GET', url: '/api/v1/system' })).body as SystemStatus
    expect(system).toMatchObject({
      engines: [{ engine: 'grype', workers: 1 }],
      workers: [{ id: 'w1', slots: 2, busy: 1 }],
      databases: [],
      counts: { images: 0 },
    })
    expect(system.queues.map((queue) => queue.lane)).toEqual(['interactive', 'ci', 'background'])
  })

  it('removes old ended tasks and keys, and nothing that lives', async () => {
    const [old, live] = [await app.submit('old:1'), await app.submit('live:1')]
    await app.query(`update scan_task set state = 'failed', ended_at = now() - interval '31 days' where id = $1`, [old.id])
    await app.query(
      `insert into idempotency_key (principal, route, key, body_sha256, locked_until, created_at) values ('p', 'r', 'k', 'x', now(), now() - interval '25 hours')`,
    )
    const { body } = await app.request({ service: 'scheduler', method: 'POST', url: '/internal/v1/expire', payload: {} })
    expect(body).toMatchObject({ removed: { tasks: 1, idempotencyKeys: 1 } })
    expect(await app.query('select id from scan_task where id = any ($1)', [[old.id, live.id]])).toEqual([{ id: live.id }])
  })
})
