import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BlobCache } from './blob-cache.js'
import { digestOf } from './digest.js'
import type { PulledImage, PullProgress } from './image-pull.js'
import { parseImageReference } from './image-reference.js'
import { layoutBlobPath } from './oci-layout.js'
import { createRegistryClient, type RegistryClient } from './registry-client.js'
import {
  serveImage,
  startScriptedRegistry,
  tinyImage,
  type Handler,
  type ScriptedRegistry,
  type TinyImage,
} from './__tests__/scripted-registry.js'

const closers: (() => unknown)[] = []
let directory: string
let blobCache: BlobCache
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pharos-registry-'))
  blobCache = await BlobCache.open({ directory: join(directory, 'cache'), limitBytes: 100_000_000, minimumFreeBytes: 0 })
})
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
  await rm(directory, { recursive: true, force: true })
})

async function registryWith(handle: Handler): Promise<ScriptedRegistry> {
  const registry = await startScriptedRegistry(handle)
  closers.push(registry.close)
  return registry
}

function clientFor(...registries: ScriptedRegistry[]): RegistryClient {
  const open = { allowHttp: true, allowInternal: true }
  const client = createRegistryClient({
    policy: {
      registries: Object.fromEntries(registries.map((registry) => [registry.host, open])),
      timeouts: { headersMs: 300, idleMs: 300, connectMs: 2000 },
    },
  })
  closers.push(() => client.close())
  return client
}

let layoutCount = 0
async function pullFrom(
  registry: ScriptedRegistry,
  options: { path?: string; cache?: BlobCache; signal?: AbortSignal; onProgress?: (progress: PullProgress) => void } = {},
): Promise<PulledImage> {
  const client = clientFor(registry)
  const resolved = await client.resolve(parseImageReference(`${registry.host}/${options.path ?? 'a'}:1`))
  layoutCount += 1
  return client.pull(resolved, {
    blobCache: options.cache ?? blobCache,
    layoutDirectory: join(directory, `layout-${layoutCount}`),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
  })
}

/** Serves an image, but does something else for the last layer. */
function withLastLayer(image: TinyImage, handle: Handler): Handler {
  const digest = digestOf(image.layers.at(-1) ?? Buffer.alloc(0))
  return (request, response) => {
    ;(request.url?.endsWith(digest) === true ? handle : serveImage(image))(request, response)
  }
}

const image = tinyImage()
const lastLayer = image.layers.at(-1) ?? Buffer.alloc(0)

describe('pull', () => {
  it('writes an OCI layout whose blobs have their digests and are links into the cache', async () => {
    const registry = await registryWith(serveImage(image))
    const pulled = await pullFrom(registry)
    expect(JSON.parse(await readFile(join(pulled.layoutDirectory, 'oci-layout'), 'utf8'))).toEqual({ imageLayoutVersion: '1.0.0' })
    expect(JSON.parse(await readFile(join(pulled.layoutDirectory, 'index.json'), 'utf8'))).toMatchObject({
      schemaVersion: 2,
      manifests: [
        {
          mediaType: 'application/vnd.oci.image.manifest.v1+json',
          digest: image.manifestDigest,
          size: image.manifest.length,
          platform: { os: 'linux', architecture: 'amd64' },
          annotations: { 'org.opencontainers.image.ref.name': `${registry.host}/a:1` },
        },
      ],
    })
    for (const digest of [image.manifestDigest, ...image.blobs.keys()])
      expect(digestOf(await readFile(layoutBlobPath(pulled.layoutDirectory, digest)))).toBe(digest)
    expect((await stat(layoutBlobPath(pulled.layoutDirectory, digestOf(lastLayer)))).nlink).toBe(2)
    expect(pulled.config).toMatchObject({
      created: '2026-01-02T03:04:05Z',
      labels: { maintainer: 'someone' },
      platform: { os: 'linux', architecture: 'amd64' },
      history: [{ createdBy: 'ADD / /', isEmptyLayer: false }],
      diffIds: image.layers.map((layer) => digestOf(layer)),
    })
    expect(await readdir(join(directory, 'cache', 'temp'))).toEqual([])
    expect(await readdir(join(directory, 'cache', 'locks'))).toEqual([])
  })

  it('downloads nothing twice, and reports its progress to the end', async () => {
    const registry = await registryWith(serveImage(image))
    const first = await pullFrom(registry)
    const progress: PullProgress[] = []
    const second = await pullFrom(registry, { onProgress: (step) => progress.push(step) })
    expect([first.cachedBytes, second.downloadedBytes]).toEqual([0, 0])
    expect(second.cachedBytes).toBe(first.downloadedBytes)
    expect(progress.at(-1)).toEqual({ doneBytes: first.downloadedBytes, totalBytes: first.downloadedBytes, blobsDone: 3, blobsTotal: 3 })
    expect(registry.requests.filter((request) => request.url.endsWith(digestOf(lastLayer)))).toHaveLength(1)
  })

  it('fetches a layer that stands twice once', async () => {
    const twice = tinyImage({ layers: [lastLayer, lastLayer] })
    const registry = await registryWith(serveImage(twice))
    expect((await pullFrom(registry)).downloadedBytes).toBe(twice.config.length + lastLayer.length)
  })

  it('takes an image without layers and a layer without bytes', async () => {
    for (const layers of [[], [Buffer.alloc(0)]]) {
      const registry = await registryWith(serveImage(tinyImage({ layers })))
      expect((await pullFrom(registry)).config.diffIds).toHaveLength(layers.length)
    }
  })

  it('goes on with Range where a connection broke', async () => {
    const big = tinyImage({ layers: [randomBytes(300_000)] })
    const layer = big.layers[0] ?? Buffer.alloc(0)
    const registry = await registryWith(
      withLastLayer(big, (request, response) => {
        const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? '0')
        response.writeHead(start > 0 ? 206 : 200, {
          'content-length': layer.length - start,
          ...(start > 0 ? { 'content-range': `bytes ${start}-${layer.length - 1}/${layer.length}` } : {}),
        })
        response.write(layer.subarray(start, Math.min(start + 120_000, layer.length)), () => {
          if (start + 120_000 < layer.length) response.destroy()
          else response.end()
        })
      }),
    )
    const pulled = await pullFrom(registry)
    expect(digestOf(await readFile(layoutBlobPath(pulled.layoutDirectory, digestOf(layer))))).toBe(digestOf(layer))
    expect(registry.requests.filter((request) => request.range !== undefined).length).toBeGreaterThanOrEqual(1)
  })

  it('starts over where a server does not know Range', async () => {
    const big = tinyImage({ layers: [randomBytes(200_000)] })
    const layer = big.layers[0] ?? Buffer.alloc(0)
    let count = 0
    const registry = await registryWith(
      withLastLayer(big, (_request, response) => {
        count += 1
        response.writeHead(200, { 'content-length': layer.length })
        if (count === 1) response.write(layer.subarray(0, 100_000), () => response.destroy())
        else response.end(layer)
      }),
    )
    expect((await pullFrom(registry)).downloadedBytes).toBe(big.config.length + layer.length)
  })

  it.each<[string, TinyImage, Handler, string]>([
    [
      'truncates a layer',
      image,
      (_request, response) => {
        response.writeHead(200, { 'content-length': lastLayer.length }).write(lastLayer.subarray(0, 10), () => response.destroy())
      },
      'image-truncated',
    ],
    [
      'resets the connection before the first byte of a layer',
      image,
      (_request, response) => {
        response.writeHead(200, { 'content-length': lastLayer.length }).flushHeaders()
        // A reset takes with it what the client has not read yet.
        setTimeout(() => response.socket?.resetAndDestroy(), 50)
      },
      'image-truncated',
    ],
    [
      'ends a layer early without stating its length',
      image,
      (_request, response) => {
        response.write(lastLayer.subarray(0, 10))
        response.end()
      },
      'image-truncated',
    ],
    [
      'sends a layer with another digest',
      image,
      (_request, response) => {
        response.end(Buffer.alloc(lastLayer.length))
      },
      'image-digest-mismatch',
    ],
    [
      'states fewer bytes than the manifest',
      image,
      (_request, response) => {
        response.writeHead(200, { 'content-length': 3 }).end('abc')
      },
      'image-size-mismatch',
    ],
    [
      'states more bytes than the manifest',
      image,
      (_request, response) => {
        response.writeHead(200, { 'content-length': 10_000_000 }).write('abc')
      },
      'image-size-mismatch',
    ],
    [
      'never stops sending',
      image,
      (_request, response) => {
        const timer = setInterval(() => response.write(Buffer.alloc(65_536)), 1)
        response.on('close', () => clearInterval(timer))
      },
      'image-size-mismatch',
    ],
    [
      'hangs in the middle of a layer',
      image,
      (_request, response) => {
        response.writeHead(200, { 'content-length': lastLayer.length }).write(lastLayer.subarray(0, 10))
      },
      'registry-timeout',
    ],
    [
      'does not have a layer',
      image,
      (_request, response) => {
        response.writeHead(404).end()
      },
      'manifest-not-found',
    ],
    [
      'redirects a layer to an internal address',
      image,
      (_request, response) => {
        response.writeHead(307, { location: 'http://10.0.0.1/layer' }).end()
      },
      'registry-address-forbidden',
    ],
    [
      'limits requests',
      image,
      (_request, response) => {
        response.writeHead(429, { 'retry-after': '9' }).end()
      },
      'registry-rate-limited',
    ],
  ])('leaves nothing behind when a registry %s', async (_sentence, of, handle, code) => {
    const registry = await registryWith(withLastLayer(of, handle))
    await expect(pullFrom(registry)).rejects.toMatchObject({ name: 'PharosError', code })
    expect((await readdir(directory)).filter((name) => name.startsWith('layout-'))).toEqual([])
    expect(await readdir(join(directory, 'cache', 'temp'))).toEqual([])
    expect(await readdir(join(directory, 'cache', 'locks'))).toEqual([])
  })

  it.each<[string, Parameters<typeof tinyImage>[0], string]>([
    [
      'a size that is too small',
      {
        change: (manifest) => {
          for (const layer of manifest.layers) layer.size -= 1
        },
      },
      'image-size-mismatch',
    ],
    [
      'a size that is too large',
      {
        change: (manifest) => {
          for (const layer of manifest.layers) layer.size += 1
        },
      },
      'image-size-mismatch',
    ],
    [
      'a size that no disk holds',
      {
        change: (manifest) => {
          for (const layer of manifest.layers) layer.size = 2 ** 50
        },
      },
      'image-too-large',
    ],
    [
      'two sizes for one layer',
      {
        change: (manifest) => {
          manifest.layers.push({ mediaType: manifest.layers[0]?.mediaType ?? '', digest: manifest.layers[0]?.digest ?? '', size: 1 })
        },
      },
      'image-size-mismatch',
    ],
    [
      'a foreign layer',
      {
        change: (manifest) => {
          for (const layer of manifest.layers) layer.mediaType = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'
        },
      },
      'media-type-unsupported',
    ],
    [
      'a layer that is no file system',
      {
        change: (manifest) => {
          for (const layer of manifest.layers) layer.mediaType = 'application/vnd.in-toto+json'
        },
      },
      'media-type-unsupported',
    ],
    ['a Windows configuration', { config: { os: 'windows' } }, 'image-platform-unsupported'],
    ['fewer diff ids than layers', { config: { rootfs: { type: 'layers', diff_ids: [] } } }, 'image-corrupt'],
    ['a configuration that does not fit', { config: { history: 'none' } }, 'registry-response-invalid'],
  ])('refuses an image with %s', async (_sentence, options, code) => {
    const registry = await registryWith(serveImage(tinyImage(options)))
    await expect(pullFrom(registry)).rejects.toMatchObject({ code })
  })

  it('is cancelled in the middle of a layer', async () => {
    const controller = new AbortController()
    const registry = await registryWith(
      withLastLayer(image, (_request, response) => {
        response.write(lastLayer.subarray(0, 5))
        controller.abort()
      }),
    )
    await expect(pullFrom(registry, { signal: controller.signal })).rejects.toMatchObject({ code: 'cancelled' })
  })

  it('gives no cached blob to a repository that does not have it', async () => {
    // The thief's manifest names a layer that only `private` holds; the cache has it already.
    const thief = tinyImage({ layers: [lastLayer], config: { author: 'thief' } })
    const registry = await registryWith((request, response) => {
      if (request.url?.startsWith('/v2/private/') === true) serveImage(image)(request, response)
      else if (request.url?.endsWith(digestOf(lastLayer)) === true) response.writeHead(404).end()
      else serveImage(thief)(request, response)
    })
    await pullFrom(registry, { path: 'private' })
    await expect(pullFrom(registry, { path: 'thief' })).rejects.toMatchObject({ code: 'manifest-not-found' })
    // A registry of the thief's own, which claims to have it, does not help.
    const own = await registryWith((request, response) => {
      if (request.url?.endsWith(digestOf(lastLayer)) !== true) serveImage(thief)(request, response)
      else if (request.method === 'HEAD') response.writeHead(200).end()
      else response.writeHead(404).end()
    })
    await expect(pullFrom(own)).rejects.toMatchObject({ code: 'manifest-not-found' })
  })

  it('asks with HEAD whether a sibling repository of the same registry has a cached layer', async () => {
    const registry = await registryWith(serveImage(image))
    await pullFrom(registry, { path: 'a' })
    expect((await pullFrom(registry, { path: 'b' })).downloadedBytes).toBe(0)
    expect(registry.requests.filter((request) => request.url.startsWith('/v2/b/blobs/') && request.method === 'HEAD')).toHaveLength(3)
  })

  it('takes a blob from the registry when a mirror has a wrong one', async () => {
    const origin = await registryWith(serveImage(image))
    const mirror = await registryWith(
      withLastLayer(image, (_request, response) => {
        response.end(Buffer.alloc(lastLayer.length))
      }),
    )
    const open = { allowHttp: true, allowInternal: true }
    const client = createRegistryClient({
      policy: { registries: { [mirror.host]: open, [origin.host]: { ...open, mirrors: [mirror.host] } } },
    })
    closers.push(() => client.close())
    const pulled = await client.pull(await client.resolve(parseImageReference(`${origin.host}/a`)), {
      blobCache,
      layoutDirectory: join(directory, 'layout-mirror'),
    })
    expect(digestOf(await readFile(layoutBlobPath(pulled.layoutDirectory, digestOf(lastLayer))))).toBe(digestOf(lastLayer))
    expect(origin.requests.map((request) => request.url)).toEqual([`/v2/a/blobs/${digestOf(lastLayer)}`])
  })
})
