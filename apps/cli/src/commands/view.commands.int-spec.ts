import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exampleOf, FleetWorkload, ImageSummary, SavedView } from '@pharos/contracts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runProgram } from '../program.js'

let server: Server
let seen: { call: string; body: unknown; ifMatch: string | undefined }[]
let answers: Record<string, unknown>
beforeEach(async () => {
  seen = []
  answers = {}
  server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const path = (request.url ?? '').replace('/api/v1', '')
      const body = Buffer.concat(chunks).toString()
      const call = `${request.method} ${decodeURIComponent(path.replaceAll('+', ' '))}`
      seen.push({ call, body: body === '' ? null : JSON.parse(body), ifMatch: request.headers['if-match'] })
      const answer = answers[`${request.method} ${path.split('?')[0]}`]
      response.writeHead(answer === undefined ? 204 : 200, { 'content-type': 'application/json' })
      response.end(answer === undefined ? undefined : JSON.stringify(answer))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

async function pharos(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = ''
  let err = ''
  const code = await runProgram({
    arguments: args,
    environment: { PHAROS_SERVER: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, PHAROS_TOKEN: 'phr_x' },
    streams: { out: (text) => (out += text), err: (text) => (err += text), isTerminal: true },
    nowMs: () => Date.parse('2026-11-24T10:00:00.000Z'),
  })
  return { code, out, err }
}

const exploited = exampleOf(SavedView) as SavedView
const id = (last: number): string => `0190d7a2-6c1e-7d5b-8b0a-${String(last).padStart(12, '0')}`
const payments: SavedView = {
  ...exploited,
  id: id(2),
  name: 'Payments',
  resource: 'workloads',
  filter: 'namespace = payments',
  sort: 'name',
  version: 7,
}
const everything: SavedView = { ...exploited, id: id(3), name: 'Everything', resource: 'images', filter: '', sort: null }

describe('pharos view', () => {
  beforeEach(() => {
    answers['GET /views'] = { items: [exploited, payments, everything] }
  })

  it('lists them, and those of one list alone', async () => {
    const { code, out } = await pharos('view', 'list', '--resource', 'findings')
    expect({ code, call: seen[0]?.call }).toEqual({ code: 0, call: 'GET /views?resource=findings' })
    expect(out).toMatch(/Exploited in production +findings +kev = true and cluster ~ "prod-\*" +-risk +team +user:ana/)
  })

  it.each([
    [
      'Payments',
      'GET /workloads?filter=namespace = payments&sort=name',
      '/workloads',
      { items: [exampleOf(FleetWorkload)], nextCursor: null },
      'Deployment/web',
    ],
    [id(3), 'GET /images', '/images', { items: [exampleOf(ImageSummary)], nextCursor: 'next' }, 'More: --cursor next'],
  ])('asks the question of %s in its list', async (name, call, path, page, text) => {
    answers[`GET ${path}`] = page
    const { code, out, err } = await pharos('view', 'run', name)
    expect(code).toBe(0)
    expect(seen.at(-1)?.call).toBe(call)
    expect(out + err).toContain(text)
  })

  it('asks for the page that is wanted', async () => {
    answers['GET /workloads'] = { items: [], nextCursor: null, count: { count: 0, isCapped: false } }
    await pharos('view', 'run', 'Payments', '--limit', '5', '--cursor', 'c', '--count', 'true')
    expect(seen.at(-1)?.call).toBe('GET /workloads?filter=namespace = payments&sort=name&limit=5&cursor=c&count=true')
  })

  it('saves one', async () => {
    answers['POST /views'] = exploited
    const { code, out } = await pharos(
      'view',
      'save',
      'Exploited',
      '--filter',
      'kev = true',
      '--visibility',
      'team',
      '--columns',
      'risk',
      'image',
    )
    expect({ code, body: seen[0]?.body }).toEqual({
      code: 0,
      body: { name: 'Exploited', resource: 'findings', filter: 'kev = true', visibility: 'team', columns: ['risk', 'image'] },
    })
    expect(out).toContain(exploited.id)
  })

  it('changes and removes what it has read, and nothing newer', async () => {
    answers[`PATCH /views/${id(2)}`] = payments
    expect((await pharos('view', 'change', 'Payments', '--filter', 'namespace = shop')).code).toBe(0)
    expect(seen.at(-1)).toEqual({ call: `PATCH /views/${id(2)}`, body: { filter: 'namespace = shop' }, ifMatch: '"7"' })
    expect((await pharos('view', 'remove', 'Payments')).code).toBe(0)
    expect(seen.at(-1)).toEqual({ call: `DELETE /views/${id(2)}`, body: null, ifMatch: '"7"' })
  })

  it.each([
    ['a view that is not there', 'nothing', 'There is no view "nothing"'],
    ['a name that several have', 'Payments', `${id(2)} of user:ana, ${id(4)} of user:bob`],
  ])('refuses %s', async (_sentence, name, message) => {
    answers['GET /views'] = { items: [payments, { ...payments, id: id(4), owner: 'user:bob' }] }
    const { code, err } = await pharos('view', 'remove', name)
    expect(code).toBe(1)
    expect(err).toContain(message)
    expect(seen).toHaveLength(1)
  })
})
