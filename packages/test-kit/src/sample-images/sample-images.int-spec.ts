import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeIfTool } from '../conditional-suite.js'
import { sampleDatabases } from '../databases/sample-databases.js'
import { startDatabaseFeed } from '../databases/database-feed.js'
import { findTool } from '../find-tool.js'
import { writeOciLayout } from '../oci/layout.js'
import { startCraneRegistry } from '../registry/other-registries.js'
import { pushImage } from '../registry/push-image.js'
import { buildEmptyImage, buildZipBombImage } from './difficult-images.js'
import { buildMultiPlatformImage, buildSampleImage, buildSampleImages, type SampleImageName } from './sample-images.js'

const run = promisify(execFile)

describe('sample images', () => {
  it('are the same bytes each time', async () => {
    const [first, second] = [await buildSampleImage('debian-app'), await buildSampleImage('debian-app')]
    expect(second.top.blob.digest).toBe(first.top.blob.digest)
  })

  it('share the base layer between the Debian-based ones', async () => {
    const [debian, application] = [await buildSampleImage('debian'), await buildSampleImage('debian-app')]
    const digests = new Set(application.blobs.map((blob) => blob.digest))
    expect(debian.blobs.filter((blob) => digests.has(blob.digest))).toHaveLength(1)
  })

  it('name two platforms and an attestation in the multi-platform index', async () => {
    const index = await buildMultiPlatformImage()
    expect(index.children).toHaveLength(3)
    expect(index.top.mediaType).toBe('application/vnd.oci.image.index.v1+json')
  })

  it('make a zip bomb that is small until it is unpacked', () => {
    const bomb = buildZipBombImage(8)
    expect(bomb.blobs.at(-1)?.sizeBytes).toBeLessThan(10 * 1024 * 1024)
  })
})

describeIfTool(['grype', 'pharos-sampledb'], 'sample images under the grype command', () => {
  let directory: string
  let environment: NodeJS.ProcessEnv
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'pharos-samples-'))
    const databases = await sampleDatabases()
    if (!databases.isAvailable) throw new Error(databases.reason)
    environment = {
      PATH: process.env.PATH,
      HOME: directory,
      GRYPE_DB_CACHE_DIR: join(directory, 'db'),
      GRYPE_DB_AUTO_UPDATE: 'false',
      GRYPE_CHECK_FOR_APP_UPDATE: 'false',
    }
    await run(findTool('grype') ?? '', ['db', 'import', databases.value.grype.archivePath], { env: environment })
  })
  afterAll(() => rm(directory, { recursive: true, force: true }))

  async function scan(reference: string): Promise<string[]> {
    const { stdout } = await run(findTool('grype') ?? '', [reference, '-o', 'json'], {
      env: { ...environment, GRYPE_REGISTRY_INSECURE_USE_HTTP: 'true' },
      maxBuffer: 64 * 1024 * 1024,
    })
    const report = JSON.parse(stdout) as { matches: { vulnerability: { id: string }; artifact: { name: string; version: string } }[] }
    return [...new Set(report.matches.map((match) => `${match.vulnerability.id} ${match.artifact.name}@${match.artifact.version}`))].sort()
  }

  it.each<[SampleImageName, string[]]>([
    ['debian', ['CVE-2005-2541 tar@1.34+dfsg-1.2', 'CVE-2011-3374 apt@2.6.1', 'CVE-2023-4911 libc6@2.36-9']],
    [
      'debian-app',
      [
        'CVE-2023-38545 curl@7.88.1-10',
        'CVE-2023-38545 libcurl4@7.88.1-10',
        'CVE-2023-5363 openssl@3.0.9-1',
        'GHSA-35jh-r3h4-6jhm lodash@4.17.20',
      ],
    ],
    ['alpine', ['CVE-2023-42366 busybox@1.36.1-r0', 'CVE-2023-5363 libcrypto3@3.1.1-r1']],
    [
      'npm',
      [
        'GHSA-35jh-r3h4-6jhm lodash@4.17.20',
        'GHSA-c2qf-rxjj-qqgw semver@5.7.1',
        'GHSA-c2qf-rxjj-qqgw semver@7.3.5',
        'GHSA-xvch-5gv4-984h minimist@1.2.5',
      ],
    ],
    ['python', ['GHSA-h5c8-rqwp-cp95 jinja2@3.1.2', 'GHSA-j8r2-6x86-q33q requests@2.30.0', 'GHSA-v845-jxx5-vc9f urllib3@1.26.15']],
  ])('holds known vulnerabilities: %s', async (name, expected) => {
    const layout = join(directory, name)
    await writeOciLayout(layout, await buildSampleImage(name))
    const found = await scan(`oci-dir:${layout}`)
    expect(found).toEqual(expect.arrayContaining(expected))
    expect(found.filter((finding) => finding.includes('lodash@4.17.21'))).toEqual([])
  })

  it('finds nothing in an image without packages', async () => {
    const layout = join(directory, 'empty')
    await writeOciLayout(layout, await buildEmptyImage())
    expect(await scan(`oci-dir:${layout}`)).toEqual([])
  })

  it('finds the Go module in a program where that was built', async ({ skip }) => {
    const { images, unavailable } = await buildSampleImages()
    const image = images.get('go')
    if (!image) return skip(unavailable.get('go') ?? 'no Go sample')
    const layout = join(directory, 'go')
    await writeOciLayout(layout, image)
    expect((await scan(`oci-dir:${layout}`)).some((finding) => finding.includes('golang.org/x/net'))).toBe(true)
  })

  it('pulls a Docker image index from a registry of another make', async ({ skip }) => {
    const registry = await startCraneRegistry()
    if (!registry.isAvailable) return skip(registry.reason)
    try {
      const reference = await pushImage(
        { url: registry.value.url, name: 'sample/multi', tag: '1.0' },
        await buildMultiPlatformImage('docker'),
      )
      expect(await scan(`registry:${reference}`)).toContain('CVE-2023-5363 libcrypto3@3.1.1-r1')
    } finally {
      await registry.value.close()
    }
  })

  it('updates from a feed, and finds what the next database knows', async () => {
    const [current, next] = [await sampleDatabases('current'), await sampleDatabases('next')]
    if (!current.isAvailable || !next.isAvailable) throw new Error('the sample databases were there a moment ago')
    const feed = await startDatabaseFeed(current.value.grype.directory)
    const env = { ...environment, GRYPE_DB_CACHE_DIR: join(directory, 'fed'), GRYPE_DB_UPDATE_URL: feed.latestUrl }
    try {
      await run(findTool('grype') ?? '', ['db', 'update'], { env })
      feed.publish(next.value.grype.directory)
      await run(findTool('grype') ?? '', ['db', 'delete'], { env })
      await run(findTool('grype') ?? '', ['db', 'update'], { env })
      const { stdout } = await run(findTool('grype') ?? '', ['db', 'status', '-o', 'json'], { env })
      expect(Date.parse((JSON.parse(stdout) as { built: string }).built)).toBe(Date.parse(next.value.grype.builtAt))
    } finally {
      await feed.close()
    }
  })
})
