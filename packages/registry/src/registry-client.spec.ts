import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { answerManifest, clientFor, image, INDEX, registryWith, resolveAt, SHORT } from './__tests__/client-at-registry.js'
import { serveImage, tinyImage, type Handler } from './__tests__/scripted-registry.js'
import { digestOf } from './digest.js'
import { parseImageReference } from './image-reference.js'

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
