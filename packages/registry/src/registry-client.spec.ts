import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { digestOf } from './digest.js'
import { parseImageReference } from './image-reference.js'
import { parsePlatform } from './platform.js'
import { createRegistryClient, type RegistryClient, type RegistryClientOptions } from './registry-client.js'
import { serveImage, startScriptedRegistry, tinyImage, type Handler, type ScriptedRegistry } from './__tests__/scripted-registry.js'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const INDEX = 'application/vnd.oci.image.index.v1+json'
const image = tinyImage()
const SHORT = { connectMs: 2000, headersMs: 300, idleMs: 300, shortTotalMs: 2000 }

async function registryWith(handle: Handler): Promise<ScriptedRegistry> {
  const registry = await startScriptedRegistry(handle)
  closers.push(registry.close)
  return registry
}

function clientFor(registry: ScriptedRegistry, options: RegistryClientOptions = {}): RegistryClient {
  const client = createRegistryClient({
    policy: { registries: { [registry.host]: { allowHttp: true, allowInternal: true } }, timeouts: SHORT },
    ...options,
  })
  closers.push(() => client.close())
  return client
}

async function resolveAt(handle: Handler, tag = 'a:1', platform?: string): ReturnType<RegistryClient['resolve']> {
  const registry = await registryWith(handle)
  return clientFor(registry).resolve(
    parseImageReference(`${registry.host}/${tag}`),
    platform === undefined ? undefined : parsePlatform(platform),
  )
}

function answerManifest(bytes: Buffer | string, headers: Record<string, string> = {}): Handler {
  return (request, response) => {
    if (request.url?.includes('/blobs/') === true) {
      serveImage(image)(request, response)
      return
    }
    response.writeHead(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json', ...headers }).end(bytes)
  }
}

describe('resolve', () => {
  it('reads a single manifest and takes its platform from the configuration', async () => {
    expect(await resolveAt(serveImage(image))).toMatchObject({
      manifestDigest: image.manifestDigest,
      indexDigest: null,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      platform: { os: 'linux', architecture: 'amd64' },
      configDigest: digestOf(image.config),
      layers: image.layers.map((layer) => ({ digest: digestOf(layer), sizeBytes: layer.length })),
      sizeBytes: image.config.length + image.layers.reduce((sum, layer) => sum + layer.length, 0),
      manifestText: image.manifest.toString(),
    })
  })

  it('reads a manifest that comes gzipped without being asked for', async () => {
    expect(
      await resolveAt(
        answerManifest(gzipSync(image.manifest), { 'content-encoding': 'gzip', 'docker-content-digest': image.manifestDigest }),
      ),
    ).toMatchObject({ manifestDigest: image.manifestDigest })
  })

  it('takes the media type from the shape when neither document nor header has one', async () => {
    const bare = tinyImage({
      change: (manifest) => {
        delete manifest.mediaType
      },
    })
    expect(await resolveAt(answerManifest(bare.manifest, { 'content-type': 'application/json' }))).toMatchObject({
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
    })
  })

  it('refuses a platform that a single manifest is not of', async () => {
    await expect(resolveAt(serveImage(image), 'a:1', 'linux/arm64')).rejects.toMatchObject({
      code: 'platform-not-found',
      detail: expect.stringContaining('linux/amd64'),
    })
  })

  describe('from an index', () => {
    const arm = tinyImage({ config: { architecture: 'arm64' } })
    const entry = (of: typeof image, platform: object | undefined, extra: object = {}): object => ({
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: of.manifestDigest,
      size: of.manifest.length,
      ...(platform === undefined ? {} : { platform }),
      ...extra,
    })
    const attestation = entry(
      image,
      { os: 'unknown', architecture: 'unknown' },
      { annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } },
    )
    const serve =
      (...documents: Buffer[]): Handler =>
      (request, response) => {
        const digest = /\/manifests\/(sha256:.+)$/.exec(request.url ?? '')?.[1]
        const document =
          digest === undefined ? documents[0] : [image.manifest, arm.manifest, ...documents].find((bytes) => digestOf(bytes) === digest)
        if (request.url?.includes('/blobs/') === true) serveImage(image)(request, response)
        else response.writeHead(document === undefined ? 404 : 200, { 'content-type': 'application/json' }).end(document)
      }
    const index = (...manifests: object[]): Buffer => Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests }))

    it('chooses linux/amd64 by default, and says which index it was', async () => {
      const document = index(
        attestation,
        entry(arm, { os: 'linux', architecture: 'arm64', variant: 'v8' }),
        entry(image, { os: 'linux', architecture: 'amd64' }),
      )
      expect(await resolveAt(serve(document))).toMatchObject({
        manifestDigest: image.manifestDigest,
        indexDigest: digestOf(document),
        platform: { os: 'linux', architecture: 'amd64' },
      })
      expect((await resolveAt(serve(document))).indexPlatforms).toEqual([
        { platform: 'linux/arm64', digest: arm.manifestDigest },
        { platform: 'linux/amd64', digest: image.manifestDigest },
      ])
      expect(await resolveAt(serve(document), 'a:1', 'linux/arm64')).toMatchObject({
        manifestDigest: arm.manifestDigest,
        platform: { os: 'linux', architecture: 'arm64' },
      })
    })

    it('says what there is when there is no such platform, attestations left out', async () => {
      const failure = resolveAt(serve(index(attestation, entry(arm, { os: 'linux', architecture: 'arm64' }))))
      await expect(failure).rejects.toMatchObject({
        code: 'platform-not-found',
        detail: expect.stringMatching(/linux\/amd64\. It exists for linux\/arm64\.$/),
      })
    })

    it('goes into a nested index once', async () => {
      const inner = index(entry(image, { os: 'linux', architecture: 'amd64' }))
      const middle = index({ mediaType: INDEX, digest: digestOf(inner), size: inner.length })
      const outer = index({ mediaType: INDEX, digest: digestOf(middle), size: middle.length })
      expect(await resolveAt(serve(middle, inner))).toMatchObject({ manifestDigest: image.manifestDigest, indexDigest: digestOf(middle) })
      await expect(resolveAt(serve(outer, middle, inner))).rejects.toMatchObject({ code: 'platform-not-found' })
    })

    it('takes the only entry when it states no platform', async () => {
      expect(await resolveAt(serve(index(entry(image, undefined))))).toMatchObject({
        manifestDigest: image.manifestDigest,
        platform: { os: 'linux', architecture: 'amd64' },
      })
    })

    it('refuses a child with another size than its descriptor', async () => {
      await expect(
        resolveAt(serve(index(entry(image, { os: 'linux', architecture: 'amd64' }, { size: image.manifest.length + 1 })))),
      ).rejects.toMatchObject({ code: 'image-size-mismatch' })
    })

    it('refuses a child with another digest than its descriptor', async () => {
      const document = index(entry(image, { os: 'linux', architecture: 'amd64' }))
      const swapped: Handler = (request, response) => {
        response.end(request.url?.endsWith('/1') === true ? document : arm.manifest.toString().padEnd(image.manifest.length))
      }
      await expect(resolveAt(swapped)).rejects.toMatchObject({ code: expect.stringMatching(/image-(digest|size)-mismatch/) })
    })
  })
})

describe('a hostile registry', () => {
  const wrongDigest = `sha256:${'0'.repeat(64)}`
  const withMediaType = (mediaType: string): Buffer =>
    Buffer.from(JSON.stringify({ ...(JSON.parse(image.manifest.toString()) as object), mediaType }))

  it.each<[string, Handler, string]>([
    ['sends HTML', answerManifest('<html>hello</html>', { 'content-type': 'text/html' }), 'registry-response-invalid'],
    ['sends a JSON string', answerManifest('"x"'), 'registry-response-invalid'],
    ['sends null', answerManifest('null'), 'registry-response-invalid'],
    ['sends invalid UTF-8', answerManifest(Buffer.from([0x7b, 0xff, 0xfe, 0x7d])), 'registry-response-invalid'],
    ['sends an object without anything', answerManifest('{}', { 'content-type': 'application/json' }), 'registry-response-invalid'],
    ['sends a manifest without layers', answerManifest('{"schemaVersion":2}'), 'registry-response-invalid'],
    [
      'sends a layer with a path as its digest',
      answerManifest(JSON.stringify({ schemaVersion: 2, config: { mediaType: 'x', digest: 'sha256:../../etc', size: 1 }, layers: [] })),
      'registry-response-invalid',
    ],
    [
      'sends a negative size',
      answerManifest(
        tinyImage({
          change: (manifest) => {
            manifest.config.size = -1
          },
        }).manifest,
      ),
      'registry-response-invalid',
    ],
    [
      'sends manifests and layers at once',
      answerManifest(JSON.stringify({ ...(JSON.parse(image.manifest.toString()) as object), manifests: [] })),
      'registry-response-invalid',
    ],
    [
      'sends another digest than it states',
      answerManifest(image.manifest, { 'docker-content-digest': wrongDigest }),
      'image-digest-mismatch',
    ],
    [
      'sends a schema 1 manifest',
      answerManifest('{"schemaVersion":1,"fsLayers":[]}', { 'content-type': 'application/vnd.docker.distribution.manifest.v1+prettyjws' }),
      'media-type-unsupported',
    ],
    ['sends an unknown media type', answerManifest(withMediaType('application/vnd.example.thing+json')), 'media-type-unsupported'],
    [
      'sends a Helm chart',
      answerManifest(
        tinyImage({
          change: (manifest) => {
            manifest.config.mediaType = 'application/vnd.cncf.helm.config.v1+json'
          },
        }).manifest,
      ),
      'media-type-unsupported',
    ],
    ['sends a manifest of 5 MiB', answerManifest(Buffer.alloc(5 * 1024 * 1024, ' ')), 'image-too-large'],
    [
      'sends a gzip bomb as manifest',
      answerManifest(gzipSync(Buffer.alloc(64 * 1024 * 1024)), { 'content-encoding': 'gzip' }),
      'image-too-large',
    ],
    ['sends broken gzip', answerManifest(Buffer.from('not gzip'), { 'content-encoding': 'gzip' }), 'registry-response-invalid'],
    ['sends an encoding that nobody asked for', answerManifest(image.manifest, { 'content-encoding': 'br' }), 'registry-response-invalid'],
    [
      'says nothing',
      () => {
        /* hangs */
      },
      'registry-timeout',
    ],
    [
      'stops in the middle of the body',
      (_request, response) => {
        response.writeHead(200, { 'content-length': 100 }).write('{')
      },
      'registry-timeout',
    ],
    [
      'breaks off in the middle of the body',
      (_request, response) => {
        response.writeHead(200, { 'content-length': 100 }).write('{', () => response.destroy())
      },
      'registry-unreachable',
    ],
    [
      'closes the connection',
      (request) => {
        request.socket.destroy()
      },
      'registry-unreachable',
    ],
    [
      'does not speak HTTP',
      (request) => {
        request.socket.end('SSH-2.0-OpenSSH_9.2\r\n')
      },
      'registry-response-invalid',
    ],
    [
      'sends a header of 1 MB',
      (request) => {
        request.socket.end(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(1_000_000)}\r\n\r\n`)
      },
      'registry-response-invalid',
    ],
    [
      'redirects to itself for ever',
      (request, response) => {
        response.writeHead(307, { location: request.url ?? '/' }).end()
      },
      'registry-response-invalid',
    ],
    [
      'redirects to the metadata service',
      (_request, response) => {
        response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data/' }).end()
      },
      'registry-address-forbidden',
    ],
    [
      'redirects to an IPv4-mapped address',
      (_request, response) => {
        response.writeHead(302, { location: 'http://[::ffff:169.254.169.254]/' }).end()
      },
      'registry-address-forbidden',
    ],
    [
      'redirects to a number that is an address',
      (_request, response) => {
        response.writeHead(302, { location: 'http://2852039166/' }).end()
      },
      'registry-address-forbidden',
    ],
    [
      'redirects to another port of this machine',
      (_request, response) => {
        response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()
      },
      'registry-address-forbidden',
    ],
    [
      'redirects to a file',
      (_request, response) => {
        response.writeHead(302, { location: 'file:///etc/passwd' }).end()
      },
      'registry-response-invalid',
    ],
    [
      'redirects to nowhere',
      (_request, response) => {
        response.writeHead(302).end()
      },
      'registry-response-invalid',
    ],
    [
      'answers 401 without a challenge',
      (_request, response) => {
        response.writeHead(401).end()
      },
      'registry-unauthorized',
    ],
    [
      'answers 401 with a scheme of its own',
      (_request, response) => {
        response.writeHead(401, { 'www-authenticate': 'Negotiate abc==' }).end()
      },
      'registry-unauthorized',
    ],
    [
      'names no realm',
      (_request, response) => {
        response.writeHead(401, { 'www-authenticate': 'Bearer service="x"' }).end()
      },
      'registry-unauthorized',
    ],
    [
      'names a realm that is no URL',
      (_request, response) => {
        response.writeHead(401, { 'www-authenticate': 'Bearer realm="nonsense"' }).end()
      },
      'registry-unauthorized',
    ],
    [
      'names an internal realm',
      (_request, response) => {
        response.writeHead(401, { 'www-authenticate': 'Bearer realm="https://169.254.169.254/token"' }).end()
      },
      'registry-address-forbidden',
    ],
    [
      'names a realm without https elsewhere',
      (_request, response) => {
        response.writeHead(401, { 'www-authenticate': 'Bearer realm="http://auth.example/token"' }).end()
      },
      'registry-unauthorized',
    ],
    [
      'answers 403',
      (_request, response) => {
        response.writeHead(403).end()
      },
      'registry-forbidden',
    ],
    [
      'answers 404',
      (_request, response) => {
        response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')
      },
      'manifest-not-found',
    ],
    [
      'answers 500 with an endless body',
      (_request, response) => {
        response.writeHead(500)
        const timer = setInterval(() => response.write('x'.repeat(10_000)), 1)
        response.on('close', () => clearInterval(timer))
      },
      'registry-server-error',
    ],
    [
      'answers 201',
      (_request, response) => {
        response.writeHead(201).end()
      },
      'registry-response-invalid',
    ],
    [
      'answers 304',
      (_request, response) => {
        response.writeHead(304).end()
      },
      'registry-response-invalid',
    ],
  ])('that %s', async (_sentence, handle, code) => {
    await expect(resolveAt(handle)).rejects.toMatchObject({ name: 'PharosError', code })
  })

  it('that answers with another manifest than the digest asked for', async () => {
    await expect(resolveAt(answerManifest(image.manifest), `a@${wrongDigest}`)).rejects.toMatchObject({ code: 'image-digest-mismatch' })
  })

  it.each<[string, string, number]>([
    ['seconds', '7', 7000],
    ['a date', new Date(Date.now() + 3_600_000).toUTCString(), 3_600_000],
  ])('that limits requests with Retry-After as %s', async (_form, header, expectedMs) => {
    const failure: unknown = await resolveAt((_request, response) => {
      response.writeHead(429, { 'retry-after': header }).end()
    }).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'registry-rate-limited', isRetryable: true })
    const { retryAfterMs } = failure as { retryAfterMs: number }
    expect(retryAfterMs).toBeLessThanOrEqual(expectedMs)
    expect(retryAfterMs).toBeGreaterThan(expectedMs - 60_000)
  })

  it('that is overloaded with Retry-After', async () => {
    await expect(
      resolveAt((_request, response) => {
        response.writeHead(503, { 'retry-after': '3' }).end()
      }),
    ).rejects.toMatchObject({ code: 'registry-server-error', retryAfterMs: 3000 })
  })

  it('that refuses connections', async () => {
    const registry = await startScriptedRegistry(serveImage(image))
    await registry.close()
    await expect(clientFor(registry).resolve(parseImageReference(`${registry.host}/a`))).rejects.toMatchObject({
      code: 'registry-unreachable',
    })
  })

  it('that closes kept-alive connections is asked once more', async () => {
    let count = 0
    expect(
      await resolveAt((request, response) => {
        count += 1
        if (count === 1) request.socket.destroy()
        else serveImage(image)(request, response)
      }),
    ).toMatchObject({ manifestDigest: image.manifestDigest })
  })
})

describe('addresses', () => {
  const at = (host: string, address: string, policy: object = {}): Promise<unknown> => {
    const client = createRegistryClient({
      policy: { registries: { [host]: policy }, timeouts: SHORT },
      resolveName: () => Promise.resolve([{ address, family: address.includes(':') ? 6 : 4 }]),
    })
    closers.push(() => client.close())
    return client.resolve(parseImageReference(`${host}/a`))
  }

  it.each([['127.0.0.1'], ['10.0.0.1'], ['169.254.169.254'], ['::1'], ['fd00::1'], ['::ffff:10.0.0.1'], ['100.64.1.1'], ['0.0.0.0']])(
    'a name that resolves to %s is refused',
    async (address) => {
      await expect(at('registry.example', address)).rejects.toMatchObject({ code: 'registry-address-forbidden' })
    },
  )

  it.each([['127.0.0.1:5000'], ['[::1]:5000'], ['0x7f.0.0.1:5000'], ['10.1:5000'], ['[::ffff:7f00:1]:5000']])(
    'the literal %s is refused',
    async (host) => {
      await expect(at(host, '8.8.8.8')).rejects.toMatchObject({ code: 'registry-address-forbidden' })
    },
  )

  it('allowing one registry does not open another', async () => {
    const registry = await registryWith(serveImage(image))
    const client = clientFor(registry)
    const port = registry.host.split(':')[1] ?? ''
    await expect(client.resolve(parseImageReference(`127.0.0.2:${port}/a`))).rejects.toMatchObject({ code: 'registry-address-forbidden' })
  })

  it('a range that is allowed opens its addresses', async () => {
    const registry = await registryWith(serveImage(image))
    const client = clientFor(registry, {
      policy: { registries: { '*': { allowHttp: true, allowedAddresses: ['127.0.0.0/8'] } }, timeouts: SHORT },
    })
    expect(await client.resolve(parseImageReference(`${registry.host}/a`))).toMatchObject({ manifestDigest: image.manifestDigest })
  })

  it('a name that does not resolve is named', async () => {
    const client = createRegistryClient({ resolveName: () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' })) })
    closers.push(() => client.close())
    await expect(client.resolve(parseImageReference('registry.example/a'))).rejects.toMatchObject({
      code: 'registry-name-unresolved',
      detail: expect.stringContaining('registry.example'),
    })
  })

  it('HTTP is not spoken unless the registry is allowed to', async () => {
    const registry = await registryWith(serveImage(image))
    const client = clientFor(registry, { policy: { registries: { [registry.host]: { allowInternal: true } }, timeouts: SHORT } })
    await expect(client.resolve(parseImageReference(`${registry.host}/a`))).rejects.toMatchObject({ code: 'registry-tls-invalid' })
    expect(registry.requests).toEqual([])
  })

  it('proxy variables of the environment are ignored', async () => {
    const proxy = await registryWith((_request, response) => {
      response.writeHead(418).end()
    })
    const registry = await registryWith(serveImage(image))
    const before = { ...process.env }
    Object.assign(process.env, {
      HTTP_PROXY: `http://${proxy.host}`,
      http_proxy: `http://${proxy.host}`,
      ALL_PROXY: `http://${proxy.host}`,
      NO_PROXY: '',
      no_proxy: '',
    })
    try {
      await clientFor(registry).resolve(parseImageReference(`${registry.host}/a`))
    } finally {
      process.env = before
    }
    expect(proxy.requests).toEqual([])
  })
})

describe('cancelling', () => {
  it.each<[string, Handler]>([
    [
      'before the head',
      () => {
        /* hangs */
      },
    ],
    [
      'in the body',
      (_request, response) => {
        response.writeHead(200, { 'content-length': 100 }).write('{')
      },
    ],
  ])('ends a request %s', async (_when, handle) => {
    const controller = new AbortController()
    const registry = await registryWith((request, response) => {
      handle(request, response)
      setTimeout(() => controller.abort(), 20)
    })
    const client = clientFor(registry, { policy: { registries: { [registry.host]: { allowHttp: true, allowInternal: true } } } })
    await expect(client.resolve(parseImageReference(`${registry.host}/a`), undefined, { signal: controller.signal })).rejects.toMatchObject(
      { code: 'cancelled' },
    )
  })

  it('holds for everything when the client is cancelled', async () => {
    const registry = await registryWith(serveImage(image))
    const client = clientFor(registry, { signal: AbortSignal.abort() })
    await expect(client.resolve(parseImageReference(`${registry.host}/a`))).rejects.toMatchObject({ code: 'cancelled' })
    expect(registry.requests).toEqual([])
  })
})

describe('headDigest', () => {
  it('believes HEAD, and counts itself when HEAD has no digest', async () => {
    const withHeader = await registryWith((_request, response) => {
      response.writeHead(200, { 'docker-content-digest': image.manifestDigest, 'content-length': image.manifest.length }).end()
    })
    expect(await clientFor(withHeader).headDigest(parseImageReference(`${withHeader.host}/a`))).toBe(image.manifestDigest)
    expect(withHeader.requests.map((request) => request.method)).toEqual(['HEAD'])
    const without = await registryWith(serveImage(image))
    expect(await clientFor(without).headDigest(parseImageReference(`${without.host}/a`))).toBe(image.manifestDigest)
  })

  it('says that a manifest is gone', async () => {
    const registry = await registryWith((_request, response) => {
      response.writeHead(404).end()
    })
    await expect(clientFor(registry).headDigest(parseImageReference(`${registry.host}/a@${image.manifestDigest}`))).rejects.toMatchObject({
      code: 'manifest-not-found',
    })
  })
})

describe('listTags', () => {
  const pages =
    (next: (page: number) => string | null, tagsOf: (page: number) => string[]): Handler =>
    (request, response) => {
      const page = Number(new URL(request.url ?? '', 'http://x').searchParams.get('last') ?? '0')
      const link = next(page)
      response.writeHead(200, { 'content-type': 'application/json', ...(link === null ? {} : { link: `<${link}>; rel="next"` }) })
      response.end(JSON.stringify({ name: 'a', tags: tagsOf(page) }))
    }
  const list = async (handle: Handler, limit?: number): Promise<unknown> => {
    const registry = await registryWith(handle)
    return clientFor(registry).listTags({ registry: registry.host, path: 'a' }, limit === undefined ? {} : { limit })
  }

  it('reads all pages, relative and absolute, from its own registry only', async () => {
    const handle = pages(
      (page) => (page === 0 ? '/v2/a/tags/list?last=1&n=2' : page === 1 ? 'http://169.254.169.254/v2/b/tags/list?last=2' : null),
      (page) => [`t${page}`, 'not a tag', '-x'],
    )
    expect(await list(handle)).toEqual({ tags: ['t0', 't1', 't2'], isTruncated: false })
  })

  it('stops at the limit', async () => {
    expect(
      await list(
        pages(
          (page) => `?last=${page + 1}`,
          (page) => [`t${page}`],
        ),
        3,
      ),
    ).toEqual({ tags: ['t0', 't1', 't2'], isTruncated: true })
  })

  it.each<[string, Handler, string]>([
    [
      'pages in a circle',
      pages(
        (page) => `?last=${1 - page}`,
        (page) => [`t${page}`, `u${Math.random()}`.replace('.', '')],
      ),
      'registry-response-invalid',
    ],
    [
      'no JSON',
      (_request, response) => {
        response.end('tags')
      },
      'registry-response-invalid',
    ],
    [
      'no such repository',
      (_request, response) => {
        response.writeHead(404).end()
      },
      'manifest-not-found',
    ],
  ])('refuses %s', async (_name, handle, code) => {
    await expect(list(handle)).rejects.toMatchObject({ code })
  })

  it('ends when pages bring nothing new, and takes null for none', async () => {
    let page = 0
    expect(
      await list((_request, response) => {
        page += 1
        response.writeHead(200, { link: `<?last=${page}>; rel="next"` }).end('{"tags":null}')
      }),
    ).toEqual({ tags: [], isTruncated: false })
  })
})

describe('mirrors', () => {
  it('are asked in order, and the registry itself last', async () => {
    const bad = await registryWith((_request, response) => {
      response.writeHead(500).end()
    })
    const lying = await registryWith(answerManifest(image.manifest, { 'docker-content-digest': `sha256:${'1'.repeat(64)}` }))
    const good = await registryWith(serveImage(image))
    const origin = await registryWith((_request, response) => {
      response.writeHead(404).end()
    })
    const open = { allowHttp: true, allowInternal: true }
    const policy = {
      registries: { '*': open, [origin.host]: { ...open, mirrors: [bad.host, lying.host, `${good.host}/proxy/hub`] } },
      timeouts: SHORT,
    }
    const client = clientFor(origin, { policy })
    expect(await client.resolve(parseImageReference(`${origin.host}/a/b:1`))).toMatchObject({
      manifestDigest: image.manifestDigest,
      reference: { registry: origin.host },
    })
    expect(good.requests[0]?.url).toBe('/v2/proxy/hub/a/b/manifests/1')
    expect([bad.requests.length > 0, lying.requests.length > 0, origin.requests.length]).toEqual([true, true, 0])
    good.handle = (_request, response) => {
      response.writeHead(503).end()
    }
    await expect(client.resolve(parseImageReference(`${origin.host}/a/b:1`))).rejects.toMatchObject({ code: 'manifest-not-found' })
  })
})
