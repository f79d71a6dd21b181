import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { answerManifest, clientFor, closeLater, image, registryWith, resolveAt, SHORT } from './__tests__/client-at-registry.js'
import { serveImage, startScriptedRegistry, tinyImage, type Handler } from './__tests__/scripted-registry.js'
import { parseImageReference } from './image-reference.js'
import { createRegistryClient } from './registry-client.js'

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

  it.each<[string, () => string, number]>([
    ['seconds', () => '7', 7000],
    ['a date', () => new Date(Date.now() + 3_600_000).toUTCString(), 3_600_000],
  ])('that limits requests with Retry-After as %s', async (_form, header, expectedMs) => {
    const failure: unknown = await resolveAt((_request, response) => {
      response.writeHead(429, { 'retry-after': header() }).end()
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
    closeLater(() => client.close())
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
    closeLater(() => client.close())
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
