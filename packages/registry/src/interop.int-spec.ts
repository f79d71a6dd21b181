import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  buildImage,
  buildIndex,
  buildLayer,
  buildSampleImage,
  pushImage,
  startCraneRegistry,
  startDockerRegistry,
  startRegistry,
  type Availability,
  type ForeignRegistry,
  type PreparedImage,
} from '@pharos/test-kit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BlobCache } from './blob-cache.js'
import { digestOf } from './digest.js'
import { parseImageReference } from './image-reference.js'
import { layoutBlobPath } from './oci-layout.js'
import { parsePlatform } from './platform.js'
import { createRegistryClient, type RegistryClient } from './registry-client.js'
import { fixedCredentials } from './registry-credential.js'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pharos-interop-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

function clientFor(host: string, credentials?: { username: string; password: string }): RegistryClient {
  return createRegistryClient({
    policy: { registries: { [host]: { allowHttp: true, allowInternal: true } } },
    ...(credentials === undefined
      ? {}
      : { credentials: fixedCredentials({ [host]: { kind: 'basic', username: credentials.username, password: credentials.password } }) }),
  })
}

let pullCount = 0
async function pullAndVerify(
  client: RegistryClient,
  reference: string,
  platform?: string,
): Promise<Awaited<ReturnType<RegistryClient['pull']>>> {
  const resolved = await client.resolve(parseImageReference(reference), platform === undefined ? undefined : parsePlatform(platform))
  pullCount += 1
  const blobCache = await BlobCache.open({ directory: join(directory, `cache-${pullCount}`), limitBytes: 1_000_000_000 })
  const pulled = await client.pull(resolved, { blobCache, layoutDirectory: join(directory, `layout-${pullCount}`) })
  for (const digest of [resolved.manifestDigest, resolved.configDigest, ...resolved.layers.map((layer) => layer.digest)]) {
    expect(digestOf(await readFile(layoutBlobPath(pulled.layoutDirectory, digest)))).toBe(digest)
  }
  return pulled
}

async function multiPlatform(): Promise<PreparedImage> {
  const layer = await buildLayer([{ path: 'etc/os-release', content: 'ID=test\n' }], { createdBy: 'ADD os-release /' })
  const of = (architecture: string): PreparedImage =>
    buildImage({ layers: [layer], family: 'docker', platform: { os: 'linux', architecture } })
  return buildIndex([of('arm64'), of('amd64')], { family: 'docker' })
}

async function foreign(start: () => Promise<Availability<ForeignRegistry>>): Promise<Availability<ForeignRegistry>> {
  const registry = await start()
  if (registry.isAvailable) afterAll(() => registry.value.close())
  return registry
}

for (const [name, start] of [
  ['crane registry serve', startCraneRegistry],
  ['Debian docker-registry', startDockerRegistry],
] as const) {
  const registry = await foreign(start)
  if (!registry.isAvailable) {
    it.skipIf(!registry.isAvailable)(`${name} (skipped: ${registry.reason})`, () => {
      expect.unreachable()
    })
    continue
  }
  describe(name, () => {
    const { host, url } = registry.value
    it('gives a single image, a manifest list by platform, digests and tags', async () => {
      const client = clientFor(host)
      const sample = await buildSampleImage('npm')
      const list = await multiPlatform()
      await pushImage({ url, name: 'team/app', tag: 'v1' }, sample)
      await pushImage({ url, name: 'team/app', tag: 'multi' }, list)
      const pulled = await pullAndVerify(client, `${host}/team/app:v1`)
      expect(pulled.manifestDigest).toBe(sample.top.blob.digest)
      const arm = await client.resolve(parseImageReference(`${host}/team/app:multi`), parsePlatform('linux/arm64'))
      expect(arm).toMatchObject({
        indexDigest: list.top.blob.digest,
        manifestDigest: list.children[0]?.blob.digest,
        platform: { os: 'linux', architecture: 'arm64' },
      })
      expect((await pullAndVerify(client, `${host}/team/app@${list.top.blob.digest}`)).config.platform).toEqual({
        os: 'linux',
        architecture: 'amd64',
      })
      expect(await client.headDigest(parseImageReference(`${host}/team/app:multi`))).toBe(list.top.blob.digest)
      expect(await client.listTags({ registry: host, path: 'team/app' })).toEqual({
        tags: expect.arrayContaining(['multi', 'v1']) as string[],
        isTruncated: false,
      })
      expect(await client.listTags({ registry: host, path: 'team/app' }, { limit: 1 })).toMatchObject({ isTruncated: true })
      await expect(client.resolve(parseImageReference(`${host}/team/app:none`))).rejects.toMatchObject({ code: 'manifest-not-found' })
      await expect(client.resolve(parseImageReference(`${host}/team/none`))).rejects.toMatchObject({ code: 'manifest-not-found' })
      expect(await client.ping(host)).toEqual({ credential: 'none' })
      client.close()
    })
  })
}

describe('the test registry', () => {
  it.each([{ kind: 'open' }, { kind: 'basic', username: 'u', password: 'p' }, { kind: 'bearer', username: 'u', password: 'p' }] as const)(
    'gives an image with $kind access',
    async (access) => {
      const registry = await startRegistry({ access })
      try {
        const image = await multiPlatform()
        registry.add('team/app', '1', image)
        const client = clientFor(registry.host, access.kind === 'open' ? undefined : access)
        expect((await pullAndVerify(client, `${registry.host}/team/app:1`)).manifestDigest).toBe(image.children[1]?.blob.digest)
        if (access.kind !== 'open') {
          expect(await client.ping(registry.host)).toEqual({ credential: 'accepted' })
          await expect(clientFor(registry.host).resolve(parseImageReference(`${registry.host}/team/app:1`))).rejects.toMatchObject({
            code: 'registry-unauthorized',
          })
          await expect(clientFor(registry.host, { ...access, password: 'wrong' }).ping(registry.host)).rejects.toMatchObject({
            code: 'registry-unauthorized',
          })
        }
        client.close()
      } finally {
        await registry.close()
      }
    },
  )
})
