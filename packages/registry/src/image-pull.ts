import { readFile, rm, stat } from 'node:fs/promises'
import type { BlobCache } from './blob-cache.js'
import type { BlobWriter } from './blob-writer.js'
import { isErrno } from './file-errno.js'
import { CONFIG_LIMIT_BYTES, parseImageConfig, type ImageConfig } from './image-config.js'
import { requireLayers } from './image-manifest.js'
import { formatImageReference } from './image-reference.js'
import { createLayout, finishLayout, layoutBlobPath } from './oci-layout.js'
import { printable, registryProblem, throwIfCancelled } from './registry-problem.js'
import type { ResolvedImage } from './resolved-image.js'

/** Blobs of one image that are fetched at the same time. */
const PULL_CONCURRENCY = 3

/** How far a pull is. */
export interface PullProgress {
  /** Bytes at hand, from the cache or downloaded. */
  doneBytes: number
  totalBytes: number
  blobsDone: number
  blobsTotal: number
}

/** Where and how to pull. */
export interface PullOptions {
  blobCache: BlobCache
  /** A folder that does not exist or is empty. Removing it is the caller's, and frees the blobs for eviction. */
  layoutDirectory: string
  signal?: AbortSignal | undefined
  onProgress?: ((progress: PullProgress) => void) | undefined
}

/** An image on disk. */
export interface PulledImage {
  layoutDirectory: string
  manifestDigest: string
  configDigest: string
  config: ImageConfig
  downloadedBytes: number
  cachedBytes: number
}

/** What a pull needs of the registry; the client gives it with mirrors behind. */
export interface BlobSource {
  download(
    writer: BlobWriter,
    blob: { digest: string; sizeBytes: number },
    signal: AbortSignal,
    onBytes: (byteCount: number) => void,
  ): Promise<void>
  canRead(blob: { digest: string; sizeBytes: number }, signal: AbortSignal): Promise<boolean>
}

interface WantedBlob {
  digest: string
  sizeBytes: number
}

function wantedBlobs(image: ResolvedImage): { config: WantedBlob; layers: WantedBlob[] } {
  const config = { digest: image.configDigest, sizeBytes: image.manifest.config.size }
  const byDigest = new Map<string, WantedBlob>()
  for (const { digest, sizeBytes } of image.layers) {
    const known = byDigest.get(digest)
    if (known !== undefined && known.sizeBytes !== sizeBytes)
      throw registryProblem('image-size-mismatch', `The manifest states two sizes for the layer ${digest}.`)
    byDigest.set(digest, { digest, sizeBytes })
  }
  byDigest.delete(config.digest)
  return { config, layers: [...byDigest.values()] }
}

/** One pull: the configuration first, because it can say that the rest is not wanted; then the layers, three at a time. */
export class ImagePull {
  private readonly what: string
  private readonly progress: PullProgress
  private downloadedBytes = 0
  private cachedBytes = 0

  constructor(
    private readonly image: ResolvedImage,
    private readonly source: BlobSource,
    private readonly options: PullOptions,
  ) {
    this.what = formatImageReference(image.reference)
    this.progress = { doneBytes: 0, totalBytes: image.sizeBytes, blobsDone: 0, blobsTotal: 0 }
  }

  async run(): Promise<PulledImage> {
    throwIfCancelled(this.options.signal)
    requireLayers(this.image.manifest, this.what)
    const { layoutDirectory } = this.options
    const isOurs = !(await folderExists(layoutDirectory))
    try {
      const { config, layers } = wantedBlobs(this.image)
      if (config.sizeBytes > CONFIG_LIMIT_BYTES)
        throw registryProblem(
          'image-too-large',
          `The configuration of ${this.what} has ${config.sizeBytes} bytes; at most ${CONFIG_LIMIT_BYTES} are read.`,
        )
      this.progress.blobsTotal = layers.length + 1
      await createLayout(layoutDirectory, [this.image.manifestDigest, config.digest, ...layers.map((layer) => layer.digest)])
      await this.placeAll([config])
      const parsed = parseImageConfig(await readFile(layoutBlobPath(layoutDirectory, config.digest)), this.what)
      this.check(parsed)
      await this.placeAll(layers)
      await finishLayout(layoutDirectory, this.image)
      return {
        layoutDirectory,
        manifestDigest: this.image.manifestDigest,
        configDigest: config.digest,
        config: parsed,
        downloadedBytes: this.downloadedBytes,
        cachedBytes: this.cachedBytes,
      }
    } catch (error) {
      if (isOurs) await rm(layoutDirectory, { recursive: true, force: true })
      throw error
    }
  }

  private check(config: ImageConfig): void {
    if (config.platform.os === 'windows')
      throw registryProblem('image-platform-unsupported', `${this.what} is a Windows image; its contents cannot be scanned.`)
    if (config.diffIds.length !== this.image.layers.length) {
      throw registryProblem(
        'image-corrupt',
        `${this.what} has ${this.image.layers.length} layers, but its configuration (${printable(config.platform.os, 20)}) names ${config.diffIds.length}.`,
      )
    }
  }

  /** Places blobs, a few at a time; the first failure stops the others, and is thrown once all have stopped. */
  private async placeAll(blobs: readonly WantedBlob[]): Promise<void> {
    const queue = [...blobs]
    const stop = new AbortController()
    const signal = this.options.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, this.options.signal])
    const failures: unknown[] = []
    const lane = async (): Promise<void> => {
      for (let blob = queue.shift(); blob !== undefined && failures.length === 0; blob = queue.shift()) {
        try {
          await this.place(blob, signal)
        } catch (error) {
          failures.push(error)
          stop.abort()
        }
      }
    }
    await Promise.all(Array.from({ length: Math.min(PULL_CONCURRENCY, blobs.length) }, lane))
    if (failures.length > 0) throw failures[0]
  }

  private async place(blob: WantedBlob, signal: AbortSignal): Promise<void> {
    let receivedBytes = 0
    const outcome = await this.options.blobCache.place({
      ...blob,
      source: { registry: this.image.reference.registry, path: this.image.reference.path },
      destination: layoutBlobPath(this.options.layoutDirectory, blob.digest),
      signal,
      prove: () => this.source.canRead(blob, signal),
      download: (writer) =>
        this.source.download(writer, blob, signal, (byteCount) => {
          // A download that starts over counts its bytes once.
          const counted = Math.min(byteCount, blob.sizeBytes - receivedBytes)
          receivedBytes += counted
          this.report(counted, 0)
        }),
    })
    if (outcome === 'cached') this.cachedBytes += blob.sizeBytes
    else this.downloadedBytes += blob.sizeBytes
    this.report(blob.sizeBytes - receivedBytes, 1)
  }

  private report(byteCount: number, blobCount: number): void {
    this.progress.doneBytes += byteCount
    this.progress.blobsDone += blobCount
    this.options.onProgress?.({ ...this.progress })
  }
}

async function folderExists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false
    throw error
  }
}
