import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { buildImage, buildLayer, type LayerEntry, pharosHome, startRegistry, type TestRegistry } from '@pharos/test-kit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasScanners, importSampleDatabase, type PharosStack, startPharos } from './harness/pharos-stack.js'
import { familyOf } from './harness/process-list.js'
import { allowRegistry } from './harness/sample-site.js'

const gibibyte = 1024 ** 3
const imageBytes = 3 * gibibyte
const fileBytes = 16 * 1024 * 1024
/** The registry's copy, the worker's copy, the unpacked layer, and some room. */
const neededBytes = 4 * imageBytes
/** Far below the image: it passes through and is never held. */
const largestProcessBytes = gibibyte

await mkdir(pharosHome(), { recursive: true })
const disk = await statfs(pharosHome())
const hasRoom = disk.bavail * disk.bsize > neededBytes

/** Files that do not compress, made as they are read. */
function* largeContents(): Generator<LayerEntry> {
  yield { path: 'app/node_modules/lodash/package.json', content: JSON.stringify({ name: 'lodash', version: '4.17.20' }) }
  const noise = randomBytes(fileBytes)
  for (let index = 0; index < imageBytes / fileBytes; index += 1) {
    // A copy: the former file may still be on its way to the disk.
    const content = Buffer.from(noise)
    content.writeUInt32LE(index)
    yield { path: `data/${index}.bin`, content }
  }
}

let pharos: PharosStack
let registry: TestRegistry
let directory: string

describe.skipIf(!hasScanners || !hasRoom)(`an image of ${imageBytes / gibibyte} GiB`, () => {
  beforeAll(async () => {
    directory = join(pharosHome(), 'test', 'large-image', randomBytes(5).toString('hex'))
    await mkdir(directory, { recursive: true })
    registry = await startRegistry()
    pharos = await startPharos()
    await importSampleDatabase(pharos.api)
    await allowRegistry(pharos.api, registry.host)
  })
  afterAll(async () => {
    await registry?.close()
    await pharos?.close()
    await rm(directory, { recursive: true, force: true })
  })

  it('is scanned, and no process holds it in memory', async () => {
    const layer = await buildLayer(largeContents(), { createdBy: 'COPY . /', compression: 'none', filePath: join(directory, 'layer.tar') })
    expect(layer.blob.sizeBytes).toBeGreaterThan(imageBytes)
    const reference = registry.add('large/data', '1', buildImage({ layers: [layer] }))
    const peaks = new Map<number, number>()
    const worker = pharos.service('scanner-worker')
    const sample = setInterval(() => void Promise.all(familyOf(worker.pid).map(({ pid }) => notePeak(peaks, pid))), 200)
    const task = await pharos.api.scan({ image: reference })
    clearInterval(sample)
    expect(task, JSON.stringify(task.failure)).toMatchObject({ state: 'succeeded', outcomes: [{ status: 'complete' }] })
    expect((await pharos.api.findings(task.digest ?? '')).length).toBeGreaterThan(0)
    expect(peaks.size).toBeGreaterThan(1)
    expect(Math.max(...peaks.values())).toBeLessThan(largestProcessBytes)
  }, 300_000)
})

/** Anonymous memory of a process; what it maps of files is the system's cache. A process that has ended is left out. */
async function notePeak(peaks: Map<number, number>, pid: number): Promise<void> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const kibibytes = Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1] ?? 0)
  peaks.set(pid, Math.max(peaks.get(pid) ?? 0, kibibytes * 1024))
}
