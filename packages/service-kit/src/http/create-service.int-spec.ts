import { request as httpRequest } from 'node:http'
import { Problem } from '@pharos/contracts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { recordingLogger } from '../__tests__/recording-logger.js'
import { TinyModule } from '../__tests__/tiny.module.js'
import { ServiceClient } from '../identity/service-client.js'
import { ServiceTokenSigner } from '../identity/service-token.js'
import { startTracing, type Tracing } from '../tracing/tracing.js'
import { createService, type Service } from './create-service.js'

const workerKey = 'w'.repeat(32)
const gatewayKey = 'g'.repeat(32)
const { logger, lines } = recordingLogger()
let tracing: Tracing
let service: Service
let base: string

beforeAll(async () => {
  tracing = startTracing({ service: 'tiny' })
  service = await createService({
    module: (keys: ReadonlyMap<string, string>) => TinyModule.register(keys),
    configuration: new Map([
      ['scanner-worker', workerKey],
      ['api-gateway', gatewayKey],
    ]),
    logger,
    http: { bodyLimitBytes: 2000 },
  })
  await service.app.listen({ host: '127.0.0.1', port: 0 })
  base = (await service.app.getUrl()).replace(/\/$/, '')
})

afterAll(async () => {
  await service.app.close()
  await tracing.shutdown()
})

async function problemOf(response: Response): Promise<Problem> {
  expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/)
  return Problem.parse(await response.json())
}

function post(path: string, body: string, headers: Record<string, string> = { 'content-type': 'application/json' }): Promise<Response> {
  return fetch(base + path, { method: 'POST', body, headers })
}

describe('a scrape of the metrics', () => {
  it('is answered on this machine, and refused with a problem document when a proxy passed it on', async () => {
    expect(await (await fetch(`${base}/metrics`)).text()).toContain('process_cpu_seconds_total')
    const refused = await fetch(`${base}/metrics`, { headers: { 'x-forwarded-for': '203.0.113.7' } })
    expect(refused.status).toBe(401)
    expect(await problemOf(refused)).toMatchObject({ code: 'unauthenticated' })
  })
})

describe('a valid request', () => {
  it('reaches its handler with the parsed body, its trace and its request id', async () => {
    const response = await post('/greetings', '{"name":"Ana"}', {
      'content-type': 'application/json; charset=utf-8',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      'x-request-id': 'r-1',
    })
    expect(await response.json()).toEqual({
      text: 'Hello, Ana',
      traceId: '0af7651916cd43dd8448eb211c80319c',
      context: { requestId: 'r-1' },
    })
    expect(response.headers.get('x-request-id')).toBe('r-1')
    expect(lines.find((line) => line.message === 'greeting made')).toMatchObject({
      service: 'test',
      traceId: '0af7651916cd43dd8448eb211c80319c',
      requestId: 'r-1',
      name: 'Ana',
      level: 'info',
    })
  })

  it('does not take over a request id that could forge a log line', async () => {
    const response = await fetch(`${base}/healthz`, { headers: { 'x-request-id': 'a b' } })
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('has defaults and numbers in its query', async () => {
    expect(await (await fetch(`${base}/greetings`)).json()).toEqual({ limit: 5 })
    expect(await (await fetch(`${base}/greetings?limit=7`)).json()).toEqual({ limit: 7 })
  })

  it('may name an action after a colon', async () => {
    expect(await (await post('/greetings:batch', '')).json()).toEqual({ action: 'batch' })
    expect(await (await post('/greetings/42:replay', '')).json()).toEqual({ action: 'replay', id: '42' })
  })
})

describe('a refused request', () => {
  const cases: { title: string; send: () => Promise<Response>; status: number; code: string; pointers?: string[] }[] = [
    { title: 'to no address', send: () => fetch(`${base}/nothing`), status: 404, code: 'not-found' },
    {
      title: 'with a method that is not served',
      send: () => fetch(`${base}/greetings`, { method: 'PATCH' }),
      status: 405,
      code: 'method-not-allowed',
    },
    {
      title: 'with too large a body',
      send: () => post('/greetings', JSON.stringify({ name: 'a'.repeat(3000) })),
      status: 413,
      code: 'request-too-large',
    },
    {
      title: 'of a media type nobody reads',
      send: () => post('/greetings', '<a/>', { 'content-type': 'text/xml' }),
      status: 415,
      code: 'media-type-not-accepted',
    },
    { title: 'whose body is not JSON', send: () => post('/greetings', '{"name":'), status: 400, code: 'json-invalid' },
    { title: 'without a body', send: () => post('/greetings', ''), status: 400, code: 'request-invalid', pointers: ['#/body'] },
    {
      title: 'with a key twice',
      send: () => post('/greetings', '{"name":"a","address":{"city":"x","city":"y"}}'),
      status: 400,
      code: 'json-duplicate-key',
      pointers: ['#/body/address/city'],
    },
    {
      title: 'outside of the contract',
      send: () => post('/greetings', '{"name":"","extra":1}'),
      status: 400,
      code: 'request-invalid',
      pointers: ['#/body/name', '#/body/extra'],
    },
    {
      title: 'with a bad query',
      send: () => fetch(`${base}/greetings?limit=99`),
      status: 400,
      code: 'request-invalid',
      pointers: ['#/query/limit'],
    },
    {
      title: 'with a bad path parameter',
      send: () => fetch(`${base}/greetings/7`),
      status: 400,
      code: 'request-invalid',
      pointers: ['#/params/id'],
    },
    {
      title: 'that a service refuses',
      send: () => fetch(`${base}/greetings/0190d7a2-6c1e-7d5b-8b0a-3a6f0b1c2d3e`),
      status: 404,
      code: 'not-found',
    },
    { title: 'with a path that does not decode', send: () => fetch(`${base}/greetings/%E0%A4%A`), status: 400, code: 'request-invalid' },
  ]
  it.each(cases)('$title gets $status $code', async ({ send, status, code, pointers }) => {
    const response = await send()
    const problem = await problemOf(response)
    expect(response.status).toBe(status)
    expect(problem).toMatchObject({ status, code, type: `https://pharos.dev/problems/${code}` })
    expect(problem.errors?.map((error) => error.pointer)).toEqual(pointers)
  })

  it('names the methods that are served', async () => {
    const response = await fetch(`${base}/greetings`, { method: 'PATCH' })
    expect(response.headers.get('allow')).toBe('GET, HEAD, POST')
  })

  it('carries the trace id, also when its body was never parsed', async () => {
    const traceparent = '00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const response = await post('/greetings', '{', { 'content-type': 'application/json', traceparent })
    expect((await problemOf(response)).traceId).toBe('1af7651916cd43dd8448eb211c80319c')
  })

  it('says nothing of an unexpected error, which stands in the log', async () => {
    const response = await post('/greetings/fail', '{}')
    const problem = await problemOf(response)
    expect(problem).toMatchObject({ status: 500, code: 'internal-error' })
    expect(JSON.stringify(problem)).not.toContain('hunter2')
    const line = lines.find((entry) => entry['code'] === 'internal-error')
    expect(line).toMatchObject({ level: 'error', error: { type: 'Error' }, traceId: problem.traceId })
  })
})

describe('a body that is a stream', () => {
  it('arrives unread', async () => {
    const response = await fetch(`${base}/greetings/upload`, {
      method: 'PUT',
      body: Buffer.alloc(90_000),
      headers: { 'content-type': 'application/gzip' },
    })
    expect(await response.json()).toMatchObject({ bytes: 90_000, traceId: expect.stringMatching(/^[0-9a-f]{32}$/) as string })
  })

  it('is refused past its limit when its length is stated', async () => {
    const response = await fetch(`${base}/greetings/upload`, {
      method: 'PUT',
      body: Buffer.alloc(100_001),
      headers: { 'content-type': 'application/octet-stream' },
    })
    expect(await problemOf(response)).toMatchObject({ status: 413, code: 'request-too-large' })
  })

  it('is refused past its limit when its length is not stated', async () => {
    const { status, body } = await new Promise<{ status: number; body: string }>((resolve, reject) => {
      const request = httpRequest(
        `${base}/greetings/upload`,
        { method: 'PUT', headers: { 'content-type': 'application/octet-stream' } },
        (response) => {
          let body = ''
          response
            .setEncoding('utf8')
            .on('data', (chunk: string) => {
              body += chunk
            })
            .on('end', () => resolve({ status: response.statusCode ?? 0, body }))
        },
      )
      request.on('error', reject)
      request.write(Buffer.alloc(60_000))
      request.end(Buffer.alloc(60_000))
    })
    expect(status).toBe(413)
    expect(body).toContain('request-too-large')
  })

  it('may be JSON where the route says so', async () => {
    const response = await post('/greetings/raw', '{"a":1,"a":2}')
    expect(await response.json()).toEqual({ text: '{"a":1,"a":2}' })
  })
})

describe('a route for services', () => {
  const whoami = (token?: string) =>
    fetch(`${base}/internal/whoami`, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } })

  it('refuses a call without token', async () => {
    const response = await whoami()
    expect(await problemOf(response)).toMatchObject({ status: 401, code: 'unauthenticated' })
    expect(response.headers.get('www-authenticate')).toBe('Bearer')
  })

  it('refuses a token that another secret signed', async () => {
    expect((await whoami(new ServiceTokenSigner('scanner-worker', 'x'.repeat(32)).sign())).status).toBe(401)
  })

  it('refuses a service that is not allowed', async () => {
    expect(await problemOf(await whoami(new ServiceTokenSigner('api-gateway', gatewayKey).sign()))).toMatchObject({
      status: 403,
      code: 'forbidden',
    })
  })

  it('knows a token again, and lets it pass or not as before', async () => {
    const worker = new ServiceTokenSigner('scanner-worker', workerKey).sign()
    const gateway = new ServiceTokenSigner('api-gateway', gatewayKey).sign()
    for (const token of [worker, gateway, worker, gateway]) {
      expect((await whoami(token)).status).toBe(token === worker ? 200 : 403)
      expect((await whoami(`${token}x`)).status).toBe(401)
    }
  })

  it('lets an allowed service pass, on behalf of somebody', async () => {
    const principal = { id: 'user:ana', name: 'Ana', kind: 'user' as const, roles: ['viewer' as const], scope: { repositories: null } }
    const token = new ServiceTokenSigner('scanner-worker', workerKey).sign(principal)
    expect(await (await whoami(token)).json()).toEqual({ service: 'scanner-worker', principal })
  })

  it('refuses a call for nobody where somebody is needed', async () => {
    const client = new ServiceClient({ target: 'tiny', baseUrl: base, signer: new ServiceTokenSigner('api-gateway', gatewayKey) })
    await expect(client.request({ method: 'GET', path: '/internal/principal' })).rejects.toMatchObject({
      code: 'unauthenticated',
      status: 401,
    })
    client.close()
  })
})

describe('operation', () => {
  it('is alive and ready, and shows metrics with bounded routes', async () => {
    expect(await (await fetch(`${base}/healthz`)).json()).toEqual({ status: 'alive' })
    expect(await (await fetch(`${base}/readyz`)).json()).toEqual({ status: 'ready', checks: [] })
    await fetch(`${base}/some/unknown/path`)
    const text = await (await fetch(`${base}/metrics`)).text()
    expect(text).toMatch(/pharos_http_request_duration_seconds_count\{method="POST",route="\/greetings",status="200"\} \d/)
    expect(text).toContain('route="unmatched"')
    expect(text).not.toContain('unknown/path')
    expect(text).toContain('process_cpu_seconds_total')
  })

  it('is not ready while a check fails, and says which', async () => {
    let isUp = false
    service.health.addCheck('database', async () => {
      if (!isUp) throw new Error('connect to postgres://u:secret@h refused')
    })
    const response = await fetch(`${base}/readyz`)
    expect(response.status).toBe(503)
    const body = await response.text()
    expect(JSON.parse(body)).toMatchObject({ status: 'not-ready', checks: [{ name: 'database', status: 'down', reason: 'failed' }] })
    expect(body).not.toContain('secret')
    expect(lines.some((line) => line.message === 'readiness lost' && !JSON.stringify(line).includes('u:secret'))).toBe(true)
    isUp = true
    expect((await fetch(`${base}/readyz`)).status).toBe(200)
  })
})
