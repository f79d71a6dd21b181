import { createHash } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Principal } from '@pharos/contracts'
import { createService, loadConfiguration, type Service, silentLogger } from '@pharos/service-kit'
import { startRedis, type TestRedis } from '@pharos/test-kit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { AppModule } from '../app.module.js'
import { configurationDefinition } from '../configuration.js'

type Role = Principal['roles'][number]
const tokenOf = (role: Role): string => `phr_${role.padEnd(12, 'x')}_${'a'.repeat(43)}`
const hash = (text: string): string => createHash('sha256').update(text).digest('hex')
const roles = ['viewer', 'triager', 'admin'] as const

let redis: TestRedis
let results: Server
let service: Service
let address: string
let seen: { call: string; headers: IncomingHttpHeaders; body: string }[] = []

/** A results-service that knows the callers and answers everything with what a test looks for. */
function startResults(): Promise<Server> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      response.setHeader('content-type', 'application/json')
      if (request.url === '/internal/v1/authenticate') {
        const { sha256 } = JSON.parse(body) as { sha256?: string }
        const role = roles.find((one) => hash(tokenOf(one)) === sha256)
        const principal = role && { id: `user:${role}`, name: role, kind: 'user', roles: [role], scope: { repositories: null } }
        return response.end(JSON.stringify({ principal: principal ?? null, expiresAt: null }))
      }
      seen.push({ call: `${request.method} ${request.url}`, headers: request.headers, body })
      response.setHeader('etag', '"5"')
      response.setHeader('link', '</api/v1/vex/documents?cursor=c>; rel="next"')
      response.end('{"answered":true}')
    })
  })
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}

const urlOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`

beforeAll(async () => {
  redis = await startRedis()
  results = await startResults()
  const flags = ['--port', '0', '--redis-url', redis.url, '--service-key', 'k'.repeat(32), '--results-url', urlOf(results)]
  const loaded = loadConfiguration(configurationDefinition, flags, {})
  if (loaded.kind !== 'loaded') throw new Error(JSON.stringify(loaded))
  service = await createService({ module: AppModule, configuration: loaded.configuration, logger: silentLogger() })
  await service.app.listen({ host: '127.0.0.1', port: 0 })
  address = urlOf(service.app.getHttpServer() as Server)
})
afterAll(async () => {
  await service.app.close()
  results.closeAllConnections()
  await new Promise((resolve) => results.close(resolve))
  await redis.close()
})
beforeEach(() => {
  seen = []
})

function call(method: string, path: string, role: Role, body?: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${address}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${tokenOf(role)}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
  })
}

const finding = '/findings/f_0190d7a26c1e7d5b8b0a000000000001'
const document = '/vex/documents/0190d7a2-6c1e-7d5b-8b0a-000000000001'
const decision = '{"status":"accepted","comment":"Build stage only."}'
const many = `{"ids":["f_0190d7a26c1e7d5b8b0a000000000001"],"status":"accepted","comment":"x"}`

describe('routes of decisions and VEX', () => {
  it.each([
    ['GET', finding, 'viewer', undefined, `GET /api/v1${finding}`],
    ['PATCH', finding, 'triager', decision, `PATCH /api/v1${finding}`],
    ['POST', '/findings:decide', 'triager', many, 'POST /api/v1/findings/-/decide'],
    ['POST', '/vex/documents', 'triager', '{ "not":  "touched" }', 'POST /api/v1/vex/documents'],
    ['GET', '/vex/documents?limit=2', 'triager', undefined, 'GET /api/v1/vex/documents?limit=2'],
    ['GET', document, 'triager', undefined, `GET /api/v1${document}`],
    ['GET', `${document}/content`, 'triager', undefined, `GET /api/v1${document}/content`],
    ['DELETE', document, 'triager', undefined, `DELETE /api/v1${document}`],
    ['GET', '/vex/trust', 'triager', undefined, 'GET /api/v1/vex/trust'],
    ['PUT', '/vex/trust', 'admin', '{"rules":[]}', 'PUT /api/v1/vex/trust'],
    ['GET', '/vex/conflicts', 'viewer', undefined, 'GET /api/v1/vex/conflicts'],
    [
      'GET',
      '/vex/export?format=openvex&filter=kev%20%3D%20true',
      'viewer',
      undefined,
      'GET /api/v1/vex/export?format=openvex&filter=kev%20%3D%20true',
    ],
  ] as const)('%s %s of a %s goes on as it is', async (method, path, role, body, upstream) => {
    const answer = await call(method, path, role, body, { 'if-match': '"4"' })
    expect(answer.status).toBe(200)
    expect(await answer.json()).toEqual({ answered: true })
    expect(answer.headers.get('etag')).toBe('"5"')
    expect(answer.headers.get('link')).toBe('</api/v1/vex/documents?cursor=c>; rel="next"')
    expect(seen).toMatchObject([{ call: upstream, body: body ?? '', headers: { 'if-match': '"4"' } }])
  })

  it.each([
    ['PATCH', finding, 'viewer', decision],
    ['POST', '/findings:decide', 'viewer', many],
    ['POST', '/vex/documents', 'viewer', '{}'],
    ['GET', '/vex/documents', 'viewer', undefined],
    ['DELETE', document, 'viewer', undefined],
    ['PUT', '/vex/trust', 'triager', '{"rules":[]}'],
  ] as const)('%s %s is refused to a %s', async (method, path, role, body) => {
    const answer = await call(method, path, role, body)
    expect(answer.status).toBe(403)
    expect(await answer.json()).toMatchObject({ code: 'forbidden' })
    expect(seen).toEqual([])
  })

  it.each([
    ['a status that there is not', 'PATCH', finding, '{"status":"closed"}', 400, 'request-invalid'],
    ['a key twice', 'PATCH', finding, '{"status":"accepted","status":"new"}', 400, 'json-duplicate-key'],
    ['no ids', 'POST', '/findings:decide', '{"ids":[],"status":"new"}', 400, 'request-invalid'],
    ['an id of a document that is none', 'GET', '/vex/documents/1', undefined, 400, 'request-invalid'],
    ['a format that there is not', 'GET', '/vex/export?format=pdf', undefined, 400, 'request-invalid'],
    ['fields that there are not', 'GET', '/findings?fields=colour', undefined, 400, 'request-invalid'],
  ] as const)('with %s are refused before anybody is asked', async (_sentence, method, path, body, status, code) => {
    const answer = await call(method, path, 'admin', body)
    expect(answer.status).toBe(status)
    expect(await answer.json()).toMatchObject({ code })
    expect(seen).toEqual([])
  })
})
