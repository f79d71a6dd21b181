import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readEnricherFiles } from '../format/read-files.js'
import { createEnricherRunner } from '../run/enricher-runner.js'
import { librarySet } from './library.js'
import { samplePayload } from './sample-payload.js'

const payload = JSON.stringify(samplePayload())

describe('update-available over the network', () => {
  let registry: Server
  let base = ''
  const asked: string[] = []
  beforeAll(async () => {
    registry = createServer((request, response) => {
      const url = new URL(request.url ?? '/', 'http://x')
      asked.push(`${url.pathname}${url.search} ${request.headers.authorization ?? ''}`.trim())
      if (url.pathname === '/token') return response.end('{"token":"t0"}')
      if (request.headers.authorization !== 'Bearer t0')
        return response.writeHead(401, { 'www-authenticate': `Bearer realm="${base}/token",service="test"` }).end()
      if (url.searchParams.has('last')) return response.end('{"tags":["1.10.0"]}')
      return response
        .writeHead(200, { link: '</v2/library/shop-web/tags/list?n=1000&last=x>; rel="next"' })
        .end('{"tags":["1.4.2","1.4.3"]}')
    })
    await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve))
    base = `http://127.0.0.1:${(registry.address() as AddressInfo).port}`
  })
  afterAll(() => void registry.close())

  async function check(allow: string[]) {
    const files = librarySet(['update-available']).map((file) =>
      file.path.endsWith('update.yaml') ? { ...file, content: `registries: {docker.io: '${base}'}` } : file,
    )
    const read = await readEnricherFiles(files)
    if (!read.ok) throw new Error(JSON.stringify(read.problems))
    const networked = await createEnricherRunner({ workers: 1, timeoutMs: 60_000, http: { allow, allowInternal: true, timeoutMs: 20_000 } })
    const outcomes = await networked.run(read.set, payload)
    await networked.close()
    return outcomes[0]
  }

  it('reads all pages of tags with an anonymous token', async () => {
    expect(await check([`${base}/`])).toMatchObject({
      ok: true,
      data: { checked: true, current: '1.4.2', latest: '1.10.0', kind: 'minor' },
    })
    expect(asked).toContain('/token?scope=repository%3Alibrary%2Fshop-web%3Apull&service=test')
    expect(asked.at(-1)).toBe('/v2/library/shop-web/tags/list?n=1000&last=x Bearer t0')
  })

  it('says why it could not look where the allow-list holds no registry', async () => {
    expect(await check(['https://elsewhere.example/'])).toMatchObject({
      ok: true,
      data: { checked: false, updateAvailable: false, reason: expect.stringMatching(/allow|network/) },
    })
  })
})
