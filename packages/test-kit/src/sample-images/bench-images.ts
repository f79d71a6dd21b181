import { createCipheriv, createHash } from 'node:crypto'
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileBlob } from '../oci/blob.js'
import { buildImage, type PreparedImage } from '../oci/image.js'
import { buildLayer, type Layer, type LayerEntry } from '../oci/layer.js'
import { pharosHome } from '../paths.js'
import { withLock } from '../../plain/lock-file.mjs'
import { debianDatabase, debianFiles, debianRelease, type DebianPackage } from './debian-packages.js'
import { npmApplication, type NpmPackage } from './language-packages.js'
import { debianBasePackages, npmPackages } from './sample-contents.js'
import { alpineLayer } from './sample-images.js'

/** How many images to make. */
export interface BenchSet {
  /** Small Alpine images with an npm application each. */
  smallCount: number
  /** Debian-based images that share one large base layer. */
  debianCount: number
}

/** An image of the set with the name of its repository. */
export interface BenchImage {
  name: string
  image: PreparedImage
}

/** The size of a minimal Debian 12: 88 packages, 6,500 files, 206 MB unpacked. */
const basePackageCount = 90
const filesPerPackage = 72
const medianFileBytes = 12_000

/** Makes the set of images that throughput is measured with; the large base layer is kept in the cache folder. */
export async function buildBenchImages(set: BenchSet): Promise<BenchImage[]> {
  const images: BenchImage[] = []
  const alpine = await alpineLayer('x86_64')
  for (let index = 0; index < set.smallCount; index += 1) {
    const layers = [alpine, await applicationLayer('app', `small-${index}`, index, 30)]
    images.push({ name: `bench/small-${index}`, image: buildImage({ layers, config: { Cmd: ['node', '/app/index.js'] } }) })
  }
  if (set.debianCount > 0) {
    const base = await benchBaseLayer()
    for (let index = 0; index < set.debianCount; index += 1) {
      const layers = [base, await applicationLayer('opt/app', `debian-${index}`, index + 1000, 40)]
      images.push({ name: `bench/debian-${index}`, image: buildImage({ layers, config: { Cmd: ['node', '/opt/app/index.js'] } }) })
    }
  }
  return images
}

/** An application of its own for each image: some vulnerable packages, the rest distinct in name or version. */
function applicationLayer(directory: string, name: string, seed: number, count: number): Promise<Layer> {
  const packages: NpmPackage[] = [npmPackages[seed % npmPackages.length], npmPackages[(seed + 2) % npmPackages.length]].filter(
    (item): item is NpmPackage => item !== undefined,
  )
  for (let index = packages.length; index < count; index += 1) {
    packages.push({ name: `sample-module-${(seed * 7 + index * 13) % 400}`, version: `${1 + (index % 3)}.${seed % 10}.${index}` })
  }
  const unique = [...new Map(packages.map((item) => [item.name, item])).values()]
  return buildLayer(npmApplication(directory, name, unique), { createdBy: 'RUN /bin/sh -c npm ci # buildkit' })
}

/** The base layer: as many packages and files as a minimal Debian has, made of text and noise that compress like programs. */
async function benchBaseLayer(): Promise<Layer> {
  const directory = join(pharosHome(), 'cache', 'bench-images')
  await mkdir(directory, { recursive: true })
  const layerPath = join(directory, 'debian-base-2.tar.gz')
  const recordPath = `${layerPath}.json`
  return withLock(`${layerPath}.lock`, async () => {
    const createdBy = '/bin/sh -c #(nop) ADD file:debian-bookworm-minbase in / '
    if ((await stat(recordPath).catch(() => undefined)) === undefined) {
      const layer = await buildLayer(baseEntries(), { createdBy, filePath: `${layerPath}.new` })
      await rename(`${layerPath}.new`, layerPath)
      await writeFile(recordPath, JSON.stringify({ digest: layer.blob.digest, sizeBytes: layer.blob.sizeBytes, diffId: layer.diffId }))
    }
    const record = JSON.parse(await readFile(recordPath, 'utf8')) as { digest: string; sizeBytes: number; diffId: string }
    return { blob: fileBlob(layerPath, record.digest, record.sizeBytes), diffId: record.diffId, compression: 'gzip' as const, createdBy }
  })
}

function* baseEntries(): Generator<LayerEntry> {
  const random = noise('pharos bench base layer')
  const packages: DebianPackage[] = [...debianBasePackages]
  for (let index = packages.length; index < basePackageCount; index += 1) {
    const name = `libsample${index}`
    const files = Array.from({ length: filesPerPackage }, (_, number) => {
      const folder = number % 6 === 0 ? 'usr/bin' : number % 3 === 0 ? 'usr/lib/x86_64-linux-gnu' : `usr/share/${name}`
      return { path: `${folder}/${name}-${number}`, content: fileContent(random, number), mode: number % 6 === 0 ? 0o755 : 0o644 }
    })
    packages.push({ name, version: `${1 + (index % 4)}.${index}-1`, files })
  }
  yield* debianRelease()
  yield* debianDatabase(packages)
  yield* debianFiles(packages)
}

function fileContent(random: (bytes: number) => Buffer, number: number): Buffer {
  // A few large libraries hold most of the bytes, as they do in a real system.
  const bytes = number === 0 ? 1_400_000 : medianFileBytes + (number % 9) * 1_000
  const half = random(Math.floor(bytes / 3))
  const text = Buffer.alloc(bytes - half.length, `sample text of file ${number}, which compresses well; `)
  // Text first: noise at the beginning is now and then the mark of an executable, which a cataloguer then cannot read.
  return Buffer.concat([text, half])
}

/** Bytes that look random and are the same each time: a key stream. */
function noise(seed: string): (bytes: number) => Buffer {
  const cipher = createCipheriv('aes-128-ctr', createHash('md5').update(seed).digest(), Buffer.alloc(16))
  return (bytes) => cipher.update(Buffer.alloc(bytes))
}
