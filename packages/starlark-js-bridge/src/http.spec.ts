import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Bridge } from './bridge-contract.js'
import { createBridge } from './bridge.js'
import { HttpAllowList } from './http-allow-list.js'
import { sendRequest } from './http-request.js'
import { hasEngines } from './__tests__/native-engines.js'

describe('the allow-list', () => {
  const list = new HttpAllowList({ allow: ['https://tags.example/v2/', 'http://other.example:8080', 'https://one.example/exact'] })

  it.each([
    'https://tags.example/v2/',
    'https://tags.example/v2/a/b?c=d',
    'https://TAGS.example:443/v2/x',
    'http://other.example:8080/anything',
    'https://one.example/exact',
    'https://one.example/exact/below',
  ])('covers %s', (url) => {
    expect(list.refuse({ method: 'GET', url })).toBeUndefined()
  })

  it.each([
    ['http://tags.example/v2/', 'another scheme'],
    ['https://tags.example:8443/v2/', 'another port'],
    ['https://tags.example/v1/', 'another path'],
    ['https://tags.example/v2/../v1', 'a path that leads out'],
    ['https://tags.example/v2/%2e%2e/v1', 'a path that leads out, encoded'],
    ['https://tags.example/v2/..%2fv1', 'an encoded slash'],
    ['https://tags.example.evil.example/v2/', 'a longer name'],
    ['https://evil.example/https://tags.example/v2/', 'the name in the path'],
    ['https://tags.example@evil.example/v2/', 'a name as user'],
    ['https://u:p@tags.example/v2/', 'credentials'],
    ['https://one.example/exactly', 'a path that goes on in the same word'],
    ['file:///etc/passwd', 'a file'],
    ['no address', 'no address'],
  ])('refuses %s: %s', (url) => {
    expect(list.refuse({ method: 'GET', url })).toMatch(/allow-list|no address|password/)
  })

  it('refuses other methods', () => {
    expect(list.refuse({ method: 'POST', url: 'https://tags.example/v2/' })).toBe('the method POST may not be used')
    expect(
      new HttpAllowList({ allow: ['https://a.example/'], methods: ['post'] }).refuse({ method: 'POST', url: 'https://a.example/' }),
    ).toBeUndefined()
  })

  it.each(['no address', 'ftp://a.example/', 'https://u:p@a.example/', 'https://a.example/?q'])('refuses %s as an entry', (entry) => {
    expect(() => new HttpAllowList({ allow: [entry] })).toThrow(RangeError)
  })
})

describe('requests of scripts', () => {
  let server: Server
  let origin: string
  const seen: string[] = []

  beforeAll(async () => {
    server = createServer((request, response) => {
      seen.push(`${request.method} ${request.url} ${String(request.headers['x-team'] ?? '')}`)
      const path = request.url ?? ''
      if (path === '/away') response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end()
      else if (path === '/near') response.writeHead(302, { location: '/json' }).end()
      else if (path === '/long') response.end('x'.repeat(5_000))
      else if (path === '/echo') request.pipe(response)
      else if (path !== '/never') response.writeHead(200, { 'content-type': 'application/json' }).end('{"tags":["1.0.0","1.2.0"]}')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  const never = new AbortController().signal

  it('dial no internal address, by number or by name', async () => {
    await expect(sendRequest({ method: 'GET', url: origin }, { allow: [] }, never)).rejects.toThrow('127.0.0.1 is an internal address')
    const port = new URL(origin).port
    const rebinding = () => Promise.resolve([{ address: '127.0.0.1', family: 4 }])
    await expect(sendRequest({ method: 'GET', url: `http://name.example:${port}/` }, { allow: [] }, never, rebinding)).rejects.toThrow(
      'name.example has an internal address',
    )
  })

  describe.skipIf(!hasEngines)('from the engines', () => {
    let bridge: Bridge
    beforeAll(async () => {
      bridge = await createBridge({
        workers: 1,
        timeoutMs: 60_000,
        http: { allow: [`${origin}/`], methods: ['GET', 'POST'], allowInternal: true, maxBytes: 1_000, maxRequests: 3, timeoutMs: 20_000 },
      })
    })
    afterAll(async () => bridge?.close())

    const star = (body: string, with_ = bridge) =>
      with_.run({
        engine: 'starlark',
        name: 's.star',
        source: `def enrich(input):\n    ${body.replaceAll('\n', '\n    ')}\n`,
        input: { at: origin },
      })
    const go = (body: string, with_ = bridge) =>
      with_.run({
        engine: 'yaegi',
        name: 'g.go',
        source: `package main\nimport ("encoding/json"; "io"; "net/http"; "strings")\nvar _ = json.Marshal\nvar _ = io.EOF\nvar _ = strings.ToUpper\nfunc enrich(in map[string]interface{}) map[string]interface{} {\n\tat := in["at"].(string)\n${body}\n}\n`,
        input: { at: origin },
      })

    it('reach what is allowed from Starlark', async () => {
      const result = await star(
        'r = http_get(input.at + "/json", headers = {"X-Team": "a"})\nreturn {"s": r.status, "t": r.headers["content-type"], "tags": json.decode(r.body)["tags"]}',
      )
      expect(result).toMatchObject({ ok: true, output: { s: 200, t: 'application/json', tags: ['1.0.0', '1.2.0'] } })
      expect(seen).toContain('GET /json a')
    })

    it('reach what is allowed from Go, with bodies and redirects', async () => {
      const result = await go(`	r, err := http.Get(at + "/near")
	if err != nil {
		panic(err)
	}
	var answer struct{ Tags []string }
	json.NewDecoder(r.Body).Decode(&answer)
	p, err := http.Post(at+"/echo", "text/plain", strings.NewReader("hello"))
	if err != nil {
		panic(err)
	}
	body, _ := io.ReadAll(p.Body)
	return map[string]interface{}{"tags": answer.Tags, "echo": string(body)}`)
      expect(result).toMatchObject({ ok: true, output: { tags: ['1.0.0', '1.2.0'], echo: 'hello' } })
    })

    it.each([
      ['a host that is not allowed', 'http_get("http://127.0.0.1:1/")', 'not on the allow-list'],
      ['a long answer', 'http_get(input.at + "/long")', 'longer than 1000 bytes'],
      ['too many requests', '[http_get(input.at + "/json").status for i in range(4)]', 'may send 3 requests'],
      ['a file', 'http_get("file:///etc/passwd")', 'not on the allow-list'],
    ])('are refused: %s', async (_name, expression, message) => {
      const result = await star(`return {"x": ${expression}}`)
      expect(result).toMatchObject({ ok: false, error: { kind: 'network', line: 2, message: expect.stringContaining(message) as string } })
    })

    it('follow no redirect to elsewhere', async () => {
      expect(await star('return {"s": http_get(input.at + "/away").status}')).toMatchObject({ output: { s: 302 } })
      const result = await go('\t_, err := http.Get(at + "/away")\n\treturn map[string]interface{}{"err": err.Error()}')
      expect(result).toMatchObject({ ok: true, output: { err: expect.stringContaining('not on the allow-list') as string } })
    })

    it('are counted anew in each run', async () => {
      for (let i = 0; i < 3; i++) expect(await star('return {"s": http_get(input.at + "/json").status}')).toMatchObject({ ok: true })
    })

    it('end with the script when nobody answers', async () => {
      const hasty = await createBridge({
        workers: 1,
        timeoutMs: 3_000,
        http: { allow: [`${origin}/`], allowInternal: true, timeoutMs: 60_000 },
      })
      try {
        expect(await star('return {"s": http_get(input.at + "/never").status}', hasty)).toMatchObject({
          ok: false,
          error: { kind: 'timeout' },
        })
        expect(await star('return {"s": http_get(input.at + "/json").status}', hasty)).toMatchObject({ ok: true })
      } finally {
        await hasty.close()
      }
    })

    it('end by their own time', async () => {
      const brief = await createBridge({
        workers: 1,
        timeoutMs: 60_000,
        http: { allow: [`${origin}/`], allowInternal: true, timeoutMs: 300 },
      })
      try {
        const result = await star('return {"s": http_get(input.at + "/never").status}', brief)
        expect(result).toMatchObject({
          ok: false,
          error: { kind: 'network', message: expect.stringContaining('did not answer within 300 ms') as string },
        })
      } finally {
        await brief.close()
      }
    })

    it('do not exist without an allow-list', async () => {
      const alone = await createBridge({ workers: 1, timeoutMs: 60_000 })
      try {
        expect(await star('return {"s": http_get(input.at + "/json").status}', alone)).toMatchObject({
          ok: false,
          error: { kind: 'network', message: expect.stringContaining('no network for this script') as string },
        })
        expect(await go('\t_, err := http.Get(at)\n\treturn map[string]interface{}{"err": err.Error()}', alone)).toMatchObject({
          ok: true,
          output: { err: expect.stringContaining('no network for this script') as string },
        })
      } finally {
        await alone.close()
      }
    })
  })
})
