import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readBlob, sha256 } from '../oci/blob.js'
import type { PreparedImage } from '../oci/image.js'
import { buildEmptyImage } from '../sample-images/difficult-images.js'
import { buildMultiPlatformImage } from '../sample-images/sample-images.js'
import { pushImage } from './push-image.js'
import { startRegistry, type TestRegistry } from './registry-server.js'

describe('startRegistry', () => {
  let registry: TestRegistry
  let image: PreparedImage
  beforeEach(async () => {
    registry = await startRegistry()
    image = await buildEmptyImage()
    registry.add('team/app', '1.0', image)
  })
  afterEach(() => registry.close())

  const manifestUrl = (): string => `${registry.url}/v2/team/app/manifests/1.0`
  const layerUrl = (): string => `${registry.url}/v2/team/app/blobs/${image.blobs.at(-1)?.digest ?? ''}`

  it('serves a manifest by tag and by digest with its media type', async () => {
    const byTag = await fetch(manifestUrl())
    const digest = byTag.headers.get('docker-content-digest') ?? ''
    expect(byTag.headers.get('content-type')).toBe('application/vnd.oci.image.manifest.v1+json')
    const bytes = Buffer.from(await byTag.arrayBuffer())
    expect(sha256(bytes)).toBe(digest)
    const byDigest = await fetch(`${registry.url}/v2/team/app/manifests/${digest}`)
    expect(Buffer.from(await byDigest.arrayBuffer())).toEqual(bytes)
  })

  it('answers 404 in the error format for what it does not hold', async () => {
    const response = await fetch(`${registry.url}/v2/team/other/manifests/1.0`)
    expect(response.status).toBe(404)
    expect(await response.json()).toMatchObject({ errors: [{ code: 'MANIFEST_UNKNOWN' }] })
  })

  it('serves a range of a blob', async () => {
    const whole = Buffer.from(await (await fetch(layerUrl())).arrayBuffer())
    const part = await fetch(layerUrl(), { headers: { range: 'bytes=5-9' } })
    expect(part.status).toBe(206)
    expect(part.headers.get('content-range')).toBe(`bytes 5-9/${whole.length}`)
    expect(Buffer.from(await part.arrayBuffer())).toEqual(whole.subarray(5, 10))
  })

  it('pages through tags', async () => {
    for (const tag of ['b', 'a', 'c']) registry.add('team/app', tag, image)
    const first = await fetch(`${registry.url}/v2/team/app/tags/list?n=2`)
    expect(await first.json()).toEqual({ name: 'team/app', tags: ['1.0', 'a'] })
    expect(first.headers.get('link')).toBe('</v2/team/app/tags/list?n=2&last=a>; rel="next"')
    const second = await fetch(`${registry.url}/v2/team/app/tags/list?n=2&last=a`)
    expect(await second.json()).toEqual({ name: 'team/app', tags: ['b', 'c'] })
    expect(second.headers.get('link')).toBeNull()
  })

  it('accepts a pushed index and serves every part of it', async () => {
    const index = await buildMultiPlatformImage()
    await pushImage({ url: registry.url, name: 'team/multi', tag: 'latest', credentials: undefined }, index)
    for (const child of index.children) {
      const response = await fetch(`${registry.url}/v2/team/multi/manifests/${child.blob.digest}`)
      expect(Buffer.from(await response.arrayBuffer())).toEqual(await readBlob(child.blob))
    }
  })

  it('refuses a pushed blob whose digest differs', async () => {
    const start = await fetch(`${registry.url}/v2/team/app/blobs/uploads/`, { method: 'POST' })
    const location = new URL(start.headers.get('location') ?? '', registry.url)
    location.searchParams.set('digest', sha256('something else'))
    expect((await fetch(location, { method: 'PUT', body: 'content' })).status).toBe(400)
  })

  it.each([
    [
      'a status with Retry-After',
      { kind: 'status', status: 429, retryAfter: '7' },
      async (response: Response) => expect([response.status, response.headers.get('retry-after')]).toEqual([429, '7']),
    ],
    [
      'a redirect',
      { kind: 'redirect', location: 'http://127.0.0.1:9/elsewhere' },
      async (response: Response) => expect(response.headers.get('location')).toBe('http://127.0.0.1:9/elsewhere'),
    ],
    [
      'a token realm elsewhere',
      { kind: 'token-realm', realm: 'http://127.0.0.1:9/token' },
      async (response: Response) => expect(response.headers.get('www-authenticate')).toContain('realm="http://127.0.0.1:9/token"'),
    ],
    ['garbage', { kind: 'garbage' }, async (response: Response) => expect(await response.text()).toContain('hotel')],
    [
      'corrupt content',
      { kind: 'corrupt' },
      async (response: Response) => expect(sha256(Buffer.from(await response.arrayBuffer()))).not.toBe(image.blobs.at(-1)?.digest),
    ],
    [
      'truncated content',
      { kind: 'truncate', afterBytes: 3 },
      async (response: Response) => expect(response.arrayBuffer()).rejects.toThrow('terminated'),
    ],
  ] as const)('can answer with %s, once', async (_name, fault, check) => {
    registry.fail({ match: /GET .*\/blobs\//, fault, times: 1 })
    await check(await fetch(layerUrl(), { redirect: 'manual' }))
    const healed = Buffer.from(await (await fetch(layerUrl())).arrayBuffer())
    expect(sha256(healed)).toBe(image.blobs.at(-1)?.digest)
  })

  it('can hang until the client gives up', async () => {
    registry.fail({ match: /manifests/, fault: { kind: 'hang' } })
    const abort = new AbortController()
    const pending = fetch(manifestUrl(), { signal: abort.signal })
    abort.abort()
    await expect(pending).rejects.toThrow(/abort/i)
  })

  it('notes who asked for what with which credentials', async () => {
    await (await fetch(manifestUrl(), { headers: { authorization: 'Basic eDp5' } })).arrayBuffer()
    expect(registry.requests).toMatchObject([
      { method: 'GET', path: '/v2/team/app/manifests/1.0', authorization: 'Basic eDp5', status: 200 },
    ])
  })
})

describe('a registry with accounts', () => {
  let registry: TestRegistry
  afterEach(() => registry.close())
  const account = { username: 'reader', password: 'correct horse' }
  const basic = `Basic ${Buffer.from('reader:correct horse').toString('base64')}`

  it('asks for basic credentials and takes the right ones only', async () => {
    registry = await startRegistry({ access: { kind: 'basic', ...account } })
    expect((await fetch(`${registry.url}/v2/`)).headers.get('www-authenticate')).toMatch(/^Basic realm=/)
    expect((await fetch(`${registry.url}/v2/`, { headers: { authorization: 'Basic eDp5' } })).status).toBe(401)
    expect((await fetch(`${registry.url}/v2/`, { headers: { authorization: basic } })).status).toBe(200)
  })

  it('gives a token for the scope that it asked for and no other', async () => {
    registry = await startRegistry({ access: { kind: 'bearer', ...account } })
    registry.add('team/app', '1.0', await buildEmptyImage())
    const challenge = (await fetch(`${registry.url}/v2/team/app/manifests/1.0`)).headers.get('www-authenticate') ?? ''
    const realm = /realm="([^"]+)"/.exec(challenge)?.[1] ?? ''
    const scope = /scope="([^"]+)"/.exec(challenge)?.[1] ?? ''
    expect(scope).toBe('repository:team/app:pull')
    expect((await fetch(`${realm}?scope=${scope}`)).status).toBe(401)
    const { token } = (await (await fetch(`${realm}?scope=${scope}`, { headers: { authorization: basic } })).json()) as { token: string }
    const authorization = `Bearer ${token}`
    expect((await fetch(`${registry.url}/v2/team/app/manifests/1.0`, { headers: { authorization } })).status).toBe(200)
    expect((await fetch(`${registry.url}/v2/team/other/manifests/1.0`, { headers: { authorization } })).status).toBe(401)
  })
})
