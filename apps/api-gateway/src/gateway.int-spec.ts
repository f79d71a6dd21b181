import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { exampleOf, type Principal, problemType, redisChannels, ScanResult, ScanTask, type TaskState } from '@pharos/contracts'
import { createService, loadConfiguration, pollUntil, type Service, silentLogger } from '@pharos/service-kit'
import { startRedis, type TestRedis } from '@pharos/test-kit'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { AppModule } from './app.module.js'
import { configurationDefinition } from './configuration.js'

const adminToken = `phr_adminadminad_${'a'.repeat(43)}`
const viewerToken = `phr_viewerviewer_${'v'.repeat(43)}`
const principals: Record<string, Principal> = {
  [sha256(adminToken)]: { id: 'token:adminadminad', name: 'admin', kind: 'token', roles: ['admin'], scope: { repositories: null } },
  [sha256(viewerToken)]: { id: 'token:viewerviewer', name: 'viewer', kind: 'token', roles: ['viewer'], scope: { repositories: ['a/*'] } },
}
const taskId = exampleOf(ScanTask).id

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** A results-service that answers from what a test puts into it. */
class FakeResults {
  authentications = 0
  isDown = false
  task: ScanTask = taskIn('queued')
  readonly seen: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[] = []
  private readonly server: Server

  constructor() {
    this.server = createServer((request, response) => void this.answer(request, response))
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise((resolve) => this.server.close(resolve))
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString()
    const url = request.url ?? ''
    this.seen.push({ method: request.method ?? '', url, headers: request.headers, body })
    if (this.isDown) return void request.socket.destroy()
    if (url === '/healthz') return void response.end('{}')
    if (url === '/internal/v1/authenticate') {
      this.authentications += 1
      const asked = JSON.parse(body) as { sha256?: string }
      return json(response, 200, { principal: principals[asked.sha256 ?? ''] ?? null, expiresAt: null })
    }
    if (url === '/api/v1/scans' && request.method === 'POST') return json(response, 202, this.task, { location: `/api/v1/scans/${taskId}` })
    if (url === `/api/v1/scans/${taskId}/result`) return json(response, 200, { ...exampleOf(ScanResult), task: this.task })
    if (url === `/api/v1/scans/${taskId}`) return json(response, 200, this.task)
    if (url.startsWith('/api/v1/images')) return json(response, 200, { items: [], nextCursor: null }, { etag: '"1"' })
    if (url.startsWith('/api/v1/export/') && request.headers['accept-encoding']?.includes('gzip') === true) {
      const head = { 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip', vary: 'accept-encoding' }
      return void response.writeHead(200, head).end(gzipSync('{"type":"end","count":0}\n'))
    }
    if (url === '/api/v1/scans/-/batch') return json(response, 202, { accepted: 1, refused: 0, items: [] })
    json(
      response,
      404,
      { type: problemType('not-found'), title: 'There is nothing here', status: 404, code: 'not-found', detail: 'No such thing.' },
      { 'content-type': 'application/problem+json' },
    )
  }
}

function json(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

function taskIn(state: TaskState, version = 1): ScanTask {
  return { ...exampleOf(ScanTask), id: taskId, state, version } as ScanTask
}

let redis: TestRedis
let publisher: Redis
let results: FakeResults
let service: Service
let address: string

async function startGateway(flags: string[] = []): Promise<void> {
  const loaded = loadConfiguration(
    configurationDefinition,
    [
      '--port',
      '0',
      '--redis-url',
      redis.url,
      '--service-key',
      'k'.repeat(32),
      '--results-url',
      await results.listen(),
      '--task-poll',
      '200ms',
      ...flags,
    ],
    {},
  )
  if (loaded.kind !== 'loaded') throw new Error(JSON.stringify(loaded))
  service = await createService({ module: AppModule, configuration: loaded.configuration, logger: silentLogger() })
  await service.app.listen({ host: '127.0.0.1', port: 0 })
  address = `http://127.0.0.1:${(service.app.getHttpServer().address() as AddressInfo).port}`
}

function call(path: string, init: RequestInit & { token?: string | null } = {}): Promise<Response> {
  const { token = adminToken, headers, ...rest } = init
  return fetch(`${address}${path}`, {
    ...rest,
    headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...(headers as Record<string, string>) },
  })
}

const submit = (body: unknown, query = '') =>
  call(`/api/v1/scans${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })

beforeAll(async () => {
  redis = await startRedis()
  publisher = new Redis(redis.url)
})
afterAll(async () => {
  publisher.disconnect()
  await redis.close()
})
beforeEach(() => {
  results = new FakeResults()
})
afterEach(async () => {
  await service.app.close()
  await results.close()
})

describe('a public request', () => {
  beforeEach(() => startGateway())

  it.each([
    ['no credentials', null, '/api/v1/images', 401, 'unauthenticated'],
    ['an unknown token', `phr_${'x'.repeat(12)}_${'y'.repeat(43)}`, '/api/v1/images', 401, 'unauthenticated'],
    ['a role that is too small', viewerToken, '/api/v1/registries', 403, 'forbidden'],
    ['an unknown path', adminToken, '/api/v1/nothing', 404, 'not-found'],
    ['an unknown path outside of the API', adminToken, '/nothing', 404, 'not-found'],
    ['a digest that is none', adminToken, '/api/v1/images/sha256:12', 400, 'request-invalid'],
    ['an unknown query parameter', adminToken, '/api/v1/images?colour=red', 400, 'request-invalid'],
  ])('with %s is refused with a problem document', async (_sentence, token, path, status, code) => {
    const response = await call(path, { token })
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toContain('application/problem+json')
    expect(await response.json()).toMatchObject({ status, code, type: problemType(code as 'not-found') })
    expect(results.seen.filter(({ url }) => url.startsWith('/api'))).toEqual([])
  })

  it.each([
    ['is not JSON', '{"image": ', 400, 'json-invalid'],
    ['holds a key twice', '{"image": "a", "image": "b"}', 400, 'json-duplicate-key'],
    ['has an unknown field', '{"image": "a", "colour": 1}', 400, 'request-invalid'],
    ['names an unknown engine', '{"image": "a", "engines": ["clair"]}', 400, 'request-invalid'],
    ['is too large', JSON.stringify({ image: 'a', context: { a: 'x'.repeat(1100000) } }), 413, 'request-too-large'],
  ])('whose body %s is refused', async (_sentence, body, status, code) => {
    const response = await submit(body)
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ code })
  })

  it('with another media type is refused', async () => {
    const response = await call('/api/v1/scans', { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'alpine' })
    expect(response.status).toBe(415)
    expect(await response.json()).toMatchObject({ code: 'media-type-not-accepted' })
  })

  it('to a path that serves other methods names them', async () => {
    const response = await call('/api/v1/scans', { method: 'PUT' })
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toMatch(/GET.*POST|POST.*GET/)
  })

  it('for an export comes back compressed, as the caller asked for it', async () => {
    const response = await call('/api/v1/export/findings?filter=kev%20%3D%20true', { headers: { 'accept-encoding': 'gzip' } })
    expect(response.headers.get('vary')).toBe('accept-encoding')
    expect(await response.json()).toEqual({ type: 'end', count: 0 })
    expect((await call('/api/v1/export/secrets')).status).toBe(400)
  })

  it('goes on to results-service with the signed principal and comes back as it was answered', async () => {
    const response = await call('/api/v1/images?search=alpine*&limit=7', { token: viewerToken })
    expect(response.status).toBe(200)
    expect(response.headers.get('etag')).toBe('"1"')
    const upstream = results.seen.find(({ url }) => url.startsWith('/api'))
    expect(upstream?.url).toBe('/api/v1/images?search=alpine*&limit=7')
    const claims = JSON.parse(Buffer.from((upstream?.headers.authorization ?? '').split('.')[1] ?? '', 'base64url').toString()) as {
      principal: Principal
    }
    expect(claims.principal).toEqual(principals[sha256(viewerToken)])
    expect(JSON.stringify(results.seen)).not.toContain(viewerToken)
  })

  it('passes bodies that are not its own through, also as NDJSON', async () => {
    const response = await call('/api/v1/scans:batch', {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson', 'idempotency-key': 'k1' },
      body: '"a"\n"b"\n',
    })
    expect(response.status).toBe(202)
    expect(results.seen.at(-1)).toMatchObject({
      url: '/api/v1/scans/-/batch',
      body: '"a"\n"b"\n',
      headers: { 'content-type': 'application/x-ndjson', 'idempotency-key': 'k1' },
    })
  })

  it('passes a compressed body through where the contract says so, and nowhere else', async () => {
    const send = (path: string, method: string) =>
      call(path, { method, headers: { 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' }, body: 'compressed' })
    await send('/api/v1/workloads/clusters/eu', 'PUT')
    expect(results.seen.at(-1)).toMatchObject({
      url: '/api/v1/workloads/clusters/eu',
      body: 'compressed',
      headers: { 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' },
    })
    expect((await send('/api/v1/scans:batch', 'POST')).status).toBe(415)
  })

  it("passes a registry's notification on with the credential of the watch, and with no principal", async () => {
    await call('/api/v1/watches/w1/notifications', {
      method: 'POST',
      token: null,
      headers: { authorization: 'Bearer of-the-watch', 'content-type': 'application/json' },
      body: '{}',
    })
    expect(results.seen.at(-1)).toMatchObject({
      url: '/api/v1/watches/w1/notifications',
      headers: { 'x-pharos-notification-authorization': 'Bearer of-the-watch' },
    })
    expect(results.authentications).toBe(0)
  })

  it('asks who a caller is once for many requests at once', async () => {
    await Promise.all(Array.from({ length: 20 }, () => call('/api/v1/images')))
    expect(results.authentications).toBe(1)
  })

  it('answers with a problem while results-service is away', async () => {
    await call('/api/v1/images')
    results.isDown = true
    const response = await call('/api/v1/images')
    expect(response.status).toBe(503)
    expect(await response.json()).toMatchObject({ code: 'upstream-unavailable' })
  })

  it('passes a problem of results-service on', async () => {
    const response = await call('/api/v1/vulnerabilities/CVE-1')
    expect(response.status).toBe(404)
    expect(await response.json()).toMatchObject({ code: 'not-found', detail: 'No such thing.', instance: '/api/v1/vulnerabilities/CVE-1' })
  })
})

describe('the documentation', () => {
  beforeEach(() => startGateway())

  it('is for signed-in callers, and asks a browser to sign in', async () => {
    const refused = await call('/docs', { token: null })
    expect(refused.status).toBe(401)
    expect(refused.headers.get('www-authenticate')).toContain('Basic')
    expect(await (await call('/docs')).text()).toContain('swagger-ui-bundle.js')
    expect((await (await call('/docs/swagger-ui-bundle.js')).text()).length).toBeGreaterThan(100_000)
    expect(await (await call('/openapi.json')).json()).toMatchObject({ openapi: '3.1.0' })
  })
})

describe('a submit', () => {
  beforeEach(() => startGateway())

  it('without wait is answered 202 with its Location', async () => {
    const response = await submit({ image: 'alpine:3.18' })
    expect(response.status).toBe(202)
    expect(response.headers.get('location')).toBe(`/api/v1/scans/${taskId}`)
    expect(await response.json()).toMatchObject({ id: taskId, state: 'queued' })
  })

  it('with wait is answered with the result as soon as the news comes', async () => {
    const answer = submit({ image: 'alpine:3.18' }, '?wait=30s')
    await pollUntil(() => results.seen.some(({ url }) => url === `/api/v1/scans/${taskId}`))
    results.task = taskIn('succeeded', 5)
    await publisher.publish(redisChannels.tasks, JSON.stringify({ id: taskId, version: 5, state: 'succeeded' }))
    const response = await answer
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ task: { state: 'succeeded' }, image: {} })
  })

  it('with wait finds the end also when the news is lost', async () => {
    const answer = submit({ image: 'alpine:3.18' }, '?wait=30s')
    await pollUntil(() => results.seen.some(({ url }) => url === `/api/v1/scans/${taskId}`))
    results.task = taskIn('partial', 5)
    expect((await answer).status).toBe(200)
  })

  it('with wait is answered 202 when the time is over, and with the failure when the task failed', async () => {
    expect((await submit({ image: 'alpine:3.18' }, '?wait=100ms')).status).toBe(202)
    results.task = taskIn('failed', 6)
    const response = await submit({ image: 'alpine:3.18' }, '?wait=30s')
    expect(response.status).toBe(202)
    expect(await response.json()).toMatchObject({ state: 'failed' })
  })

  it('that wants to wait too long is refused', async () => {
    expect((await submit({ image: 'alpine:3.18' }, '?wait=2m')).status).toBe(400)
  })
})

describe('the progress stream', () => {
  beforeEach(() => startGateway())

  it('begins with the present state and ends with the ended one', async () => {
    const response = await call(`/api/v1/scans/${taskId}/events`)
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    results.task = taskIn('running', 2)
    await publisher.publish(redisChannels.tasks, JSON.stringify({ id: taskId, version: 2, state: 'running' }))
    await pollUntil(() => results.seen.filter(({ url }) => url === `/api/v1/scans/${taskId}`).length >= 2)
    results.task = taskIn('succeeded', 3)
    const text = await response.text()
    const states = [...text.matchAll(/^data: (.*)$/gm)].map((match) => (JSON.parse(match[1] ?? '') as { state: string }).state)
    expect(states[0]).toBe('queued')
    expect(states.at(-1)).toBe('succeeded')
    expect(text).toMatch(/^id: \d+\nevent: task\n/)
  })

  it('survives an outage of results-service', async () => {
    const response = await call(`/api/v1/scans/${taskId}/events`)
    results.isDown = true
    const before = results.seen.length
    await pollUntil(() => results.seen.length > before)
    results.task = taskIn('cancelled', 9)
    results.isDown = false
    expect(await response.text()).toContain('"state":"cancelled"')
  })

  it('of an unknown task is a problem document', async () => {
    const response = await call('/api/v1/scans/00000000-0000-4000-8000-000000000000/events')
    expect(response.status).toBe(404)
  })
})

describe('the limits', () => {
  it('turn a caller away who is too fast, and say when to come back', async () => {
    // Ten seconds a request: on a slow machine, too, nothing comes back while the test asks.
    await startGateway(['--rate-limit', '0.1', '--rate-burst', '2'])
    const statuses = (await Promise.all([1, 2, 3].map(() => call('/api/v1/images')))).map(({ status }) => status)
    expect(statuses.filter((status) => status === 429)).toHaveLength(1)
    const refused = await call('/api/v1/images')
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(10)
    expect(await refused.json()).toMatchObject({ code: 'rate-limited' })
    expect((await call('/api/v1/images', { token: viewerToken })).status).toBe(200)
  })

  it('shut an address out that guesses', async () => {
    await startGateway(['--anonymous-rate-limit', '0.1', '--anonymous-rate-burst', '2'])
    const guess = () => call('/api/v1/images', { token: `phr_${'x'.repeat(12)}_${'y'.repeat(43)}` })
    for (const _ of [1, 2, 3]) expect((await guess()).status).toBe(401)
    expect((await guess()).status).toBe(429)
  })

  it('bound how many requests are open at once', async () => {
    await startGateway(['--max-in-flight-per-caller', '1'])
    const stream = await call(`/api/v1/scans/${taskId}/events`)
    const refused = await call('/api/v1/images')
    expect(refused.status).toBe(503)
    expect(await refused.json()).toMatchObject({ code: 'too-many-in-flight' })
    results.task = taskIn('succeeded', 2)
    await stream.text()
    expect((await call('/api/v1/images')).status).toBe(200)
  })
})
