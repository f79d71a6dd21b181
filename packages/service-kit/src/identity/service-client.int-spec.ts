import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { PharosError } from '@pharos/contracts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { FakeClock } from '../clock/fake-clock.js'
import { ServiceClient } from './service-client.js'
import { ServiceTokenSigner } from './service-token.js'

let server: Server
let baseUrl: string
let answer: (request: IncomingMessage, response: ServerResponse) => void
let calls: number
const clients: ServiceClient[] = []

beforeEach(async () => {
  calls = 0
  server = createServer((request, response) => {
    calls += 1
    answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
})

function client(options: Partial<ConstructorParameters<typeof ServiceClient>[0]> = {}): ServiceClient {
  const made = new ServiceClient({ target: 'results-service', baseUrl, ...options })
  clients.push(made)
  return made
}

function echo(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = []
  request
    .on('data', (chunk: Buffer) => chunks.push(chunk))
    .on('end', () => {
      response.setHeader('content-type', 'application/json')
      response.end(
        JSON.stringify({ method: request.method, url: request.url, headers: request.headers, body: Buffer.concat(chunks).toString() }),
      )
    })
}

const Echo = z.object({ method: z.string(), url: z.string(), headers: z.record(z.string(), z.unknown()), body: z.string() })

describe('a call', () => {
  it('carries JSON, query, token and headers', async () => {
    answer = echo
    const signer = new ServiceTokenSigner('scheduler', 'k'.repeat(32))
    const echoed = await client({ signer }).request({
      method: 'POST',
      path: '/internal/x',
      query: { a: 1, b: undefined, c: ['x', 'y'] },
      body: { n: 1 },
      headers: { 'Idempotency-Key': 'i' },
      schema: Echo,
    })
    expect(echoed).toMatchObject({ method: 'POST', url: '/internal/x?a=1&c=x&c=y', body: '{"n":1}' })
    expect(echoed.headers).toMatchObject({
      'content-type': 'application/json',
      authorization: `Bearer ${signer.sign()}`,
      'idempotency-key': 'i',
    })
  })

  it('names no media type where there is no body', async () => {
    answer = echo
    const echoed = await client().request({ method: 'POST', path: '/queues/ci/-/pause', schema: Echo })
    expect(echoed).toMatchObject({ method: 'POST', body: '' })
    expect(echoed.headers).not.toHaveProperty('content-type')
  })

  it('carries another token when told', async () => {
    answer = echo
    const echoed = await client({ signer: new ServiceTokenSigner('scheduler', 'k'.repeat(32)) }).request({
      method: 'PUT',
      path: '/x',
      bearerToken: 'attempt',
      schema: Echo,
    })
    expect(echoed.headers['authorization']).toBe('Bearer attempt')
  })

  it('streams its body and the answer', async () => {
    answer = (request, response) => {
      request.pipe(response)
    }
    const streamed = await client().stream({
      method: 'PUT',
      path: '/x',
      body: Readable.from([Buffer.alloc(70_000, 1), Buffer.alloc(70_000, 2)]),
    })
    let bytes = 0
    for await (const chunk of streamed.body as AsyncIterable<Buffer>) bytes += chunk.byteLength
    expect([streamed.status, bytes]).toEqual([200, 140_000])
  })

  it('hands "not modified" on as an answer', async () => {
    answer = (_request, response) => {
      response.writeHead(304, { etag: '"1"' }).end()
    }
    const streamed = await client().stream({ method: 'GET', path: '/x' })
    streamed.body.resume()
    expect([streamed.status, streamed.headers['etag']]).toEqual([304, '"1"'])
  })

  it('does not follow a redirect with its token', async () => {
    answer = (_request, response) => {
      response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()
    }
    const streamed = await client().stream({ method: 'GET', path: '/x' })
    streamed.body.resume()
    expect(streamed.status).toBe(302)
  })
})

describe('a call that fails', () => {
  it('throws the problem that was answered', async () => {
    answer = (_request, response) => {
      const body = new PharosError('busy', 'Too many reports.', {
        retryAfterMs: 3000,
        errors: [{ pointer: '#/body', detail: 'x' }],
      }).toProblem()
      response.writeHead(503, { 'content-type': 'application/problem+json' }).end(JSON.stringify(body))
    }
    await expect(client().request({ method: 'GET', path: '/x' })).rejects.toMatchObject({
      code: 'busy',
      detail: 'Too many reports.',
      retryAfterMs: 3000,
      isRetryable: true,
      errors: [{ pointer: '#/body' }],
    })
    expect(calls).toBe(1)
  })

  it.each([
    {
      title: 'a 502 of something between',
      respond: (response: ServerResponse) => response.writeHead(502).end('<html>'),
      code: 'upstream-unavailable',
    },
    {
      title: 'a 400 that is no problem document',
      respond: (response: ServerResponse) => response.writeHead(400).end('no'),
      code: 'internal-error',
    },
    { title: 'an answer that is not JSON', respond: (response: ServerResponse) => response.end('<html>'), code: 'internal-error' },
    { title: 'an answer outside of the contract', respond: (response: ServerResponse) => response.end('{}'), code: 'internal-error' },
  ])('throws $code for $title', async ({ respond, code }) => {
    answer = (_request, response) => {
      respond(response)
    }
    await expect(client().request({ method: 'GET', path: '/x', schema: Echo })).rejects.toMatchObject({ code })
  })

  it('is unavailable when the head does not come in time', async () => {
    answer = () => {}
    await expect(client({ timeoutMs: 30 }).request({ method: 'GET', path: '/x' })).rejects.toMatchObject({
      code: 'upstream-unavailable',
      detail: expect.stringContaining('30 ms') as string,
    })
  })

  it('is unavailable when the answer breaks off', async () => {
    answer = (_request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('{')
      setImmediate(() => response.destroy())
    }
    await expect(client().request({ method: 'GET', path: '/x', schema: Echo })).rejects.toMatchObject({ code: 'upstream-unavailable' })
  })

  it.each([
    { method: 'GET' as const, isIdempotent: undefined, expected: 3 },
    { method: 'POST' as const, isIdempotent: undefined, expected: 1 },
    { method: 'POST' as const, isIdempotent: true, expected: 3 },
  ])(
    'is tried $expected times as $method (idempotent: $isIdempotent) when the connection breaks',
    async ({ method, isIdempotent, expected }) => {
      answer = (request) => {
        request.socket.destroy()
      }
      const clock = new FakeClock()
      const call = client({ clock }).request({ method, path: '/x', ...(isIdempotent === undefined ? {} : { isIdempotent }) })
      const rejected = expect(call).rejects.toMatchObject({
        code: 'upstream-unavailable',
        detail: expect.stringContaining('ECONNRESET') as string,
      })
      for (let attempt = 1; attempt < expected; attempt += 1) {
        while (clock.sleeping === 0) await new Promise((resolve) => setImmediate(resolve))
        await clock.advance(1000)
      }
      await rejected
      expect(calls).toBe(expected)
    },
  )

  it('ends with the reason of its signal', async () => {
    const abort = new AbortController()
    answer = () => {
      abort.abort(new Error('the client went away'))
    }
    await expect(client().request({ method: 'GET', path: '/x', signal: abort.signal })).rejects.toThrow('the client went away')
  })

  it('breaks a streamed answer off when its signal says so', async () => {
    const abort = new AbortController()
    answer = (_request, response) => {
      response.write('begin')
    }
    const streamed = await client().stream({ method: 'GET', path: '/x', signal: abort.signal })
    await once(streamed.body, 'data')
    const ended = expect(once(streamed.body, 'end')).rejects.toThrow('aborted')
    abort.abort(new Error('enough'))
    await ended
    expect(streamed.body.destroyed).toBe(true)
  })
})
