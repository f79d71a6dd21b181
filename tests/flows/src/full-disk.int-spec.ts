import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { buildImage, buildLayer, pharosHome, startRegistry, type TestRegistry } from '@pharos/test-kit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasScanners, importSampleDatabase, type PharosStack, startPharos } from './harness/pharos-stack.js'
import { allowRegistry } from './harness/sample-site.js'
import { buildSmallImage } from './harness/small-image.js'

const mebibyte = 1024 * 1024
/** The worker leaves 64 MiB free by itself; what is above is for layers. */
const diskBytes = 128 * mebibyte

/** A file system of its own with very little room; undefined where this process may not mount one. */
function mountSmallDisk(): string | undefined {
  const directory = join(pharosHome(), 'test', 'small-disk', randomBytes(5).toString('hex'))
  mkdirSync(directory, { recursive: true })
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'tmpfs', directory], { stdio: 'ignore' })
    return directory
  } catch {
    return undefined
  }
}

const disk = hasScanners ? mountSmallDisk() : undefined
let pharos: PharosStack
let registry: TestRegistry

/** An image with one file, and the npm package of the small image. */
async function imageWith(content: Buffer) {
  return buildImage({
    layers: [
      await buildLayer(
        [
          { path: 'data.bin', content },
          { path: 'app/node_modules/lodash/package.json', content: JSON.stringify({ name: 'lodash', version: '4.17.20' }) },
        ],
        { createdBy: 'COPY . / # buildkit' },
      ),
    ],
  })
}

describe.skipIf(disk === undefined)(`a worker whose disk holds ${diskBytes / mebibyte} MiB`, () => {
  beforeAll(async () => {
    registry = await startRegistry()
    pharos = await startPharos({
      environment: { 'results-service': { PHAROS_MAX_ATTEMPTS: '2' }, 'scanner-worker': { PHAROS_CACHE_DIR: disk ?? '' } },
    })
    await importSampleDatabase(pharos.api)
    await allowRegistry(pharos.api, registry.host)
  })
  afterAll(async () => {
    await registry?.close()
    await pharos?.close()
    if (disk !== undefined) execFileSync('umount', ['--lazy', disk])
  })

  it.each([
    ['whose layer does not fit', () => imageWith(randomBytes(80 * mebibyte))],
    ['whose layer fits and whose contents do not', () => imageWith(Buffer.alloc(diskBytes + 80 * mebibyte, 'a'))],
  ])('ends the task of an image %s, and scans the next one', async (sentence, build) => {
    const reference = registry.add(`large/${sentence.replaceAll(/\W+/g, '-')}`, '1', await build())
    const task = await pharos.api.scan({ image: reference })
    expect(task).toMatchObject({ state: 'failed', failure: { code: 'disk-full' } })
    const next = await pharos.api.scan({ image: registry.add('small/next', sentence.length.toString(), (await buildSmallImage()).image) })
    expect(next, JSON.stringify(next.failure)).toMatchObject({ state: 'succeeded', outcomes: [{ status: 'complete' }] })
  })
})
