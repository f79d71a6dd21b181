import { createHash } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { access, copyFile, link, mkdir, readdir, rename, rm, stat, statfs, unlink, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BlobWriter, problemOfDisk, type ExpectedBlob } from './blob-writer.js'
import { acquireLock } from './digest-lock.js'
import { requireDigest } from './digest.js'
import { isErrno } from './file-errno.js'
import { isAbandoned, ownedFileName } from './process-owner.js'
import { registryProblem } from './registry-problem.js'

/** Settings of a blob cache. */
export interface BlobCacheOptions {
  directory: string
  /** Bytes that unlinked blobs may keep; what running scans link does not count against being kept. */
  limitBytes: number
  /** Free bytes that are left on the disk; default 64 MiB. */
  minimumFreeBytes?: number
}

/** One wish for a blob. */
export interface PlaceRequest extends ExpectedBlob {
  /** Registry and repository for which the caller's credential was accepted. */
  source: { registry: string; path: string }
  /** Where the blob is linked to. Its folder exists. */
  destination: string
  /** Writes the blob; only called while no other process does. */
  download: (writer: BlobWriter) => Promise<void>
  /** Asks the registry whether the caller may read this blob in its repository. */
  prove: () => Promise<boolean>
  signal?: AbortSignal | undefined
}

/** How a blob came to its place. */
export type PlaceOutcome = 'cached' | 'downloaded'

/** Files and bytes of the cache. */
export interface BlobCacheUsage {
  blobCount: number
  sizeBytes: number
}

interface CachedBlob {
  path: string
  proofs: string
  stats: Stats
}

/** Links are tried again when another process evicts between look and link; more often than this is not chance. */
const PLACE_ATTEMPTS = 5
/** Share of the budget that may come in between two looks at the whole folder. */
const RESCAN_SHARE = 0.05

/**
 * Blobs by digest in a folder that several processes share.
 *
 * - A blob is downloaded by one process at a time and verified before it gets its name.
 * - A digest alone opens nothing: a blob is given out only for a repository that served it before, or, when its registry
 *   did, after that registry confirmed it for the caller's repository. Otherwise a crafted manifest of one tenant could
 *   have the private layer of another scanned.
 * - Eviction is by last use and leaves alone what has another hard link, that is, what a running scan reads.
 */
export class BlobCache {
  private estimatedBytes = 0
  private addedSinceScanBytes = 0

  private constructor(private readonly options: Required<BlobCacheOptions>) {}

  /** Opens the cache, makes its folders and removes what dead processes left. */
  static async open(options: BlobCacheOptions): Promise<BlobCache> {
    const cache = new BlobCache({ minimumFreeBytes: 64 * 1024 * 1024, ...options })
    try {
      for (const folder of ['blobs/sha256', 'blobs/sha512', 'proofs', 'locks', 'temp'])
        await mkdir(join(options.directory, folder), { recursive: true })
      await cache.removeAbandoned()
      await cache.evict(0)
    } catch (error) {
      throw problemOfDisk(error)
    }
    return cache
  }

  /**
   * Brings a blob to its destination, from the cache or by downloading it.
   * @throws PharosError what the download throws; `image-size-mismatch`, `disk-full`, `cancelled`
   */
  async place(request: PlaceRequest): Promise<PlaceOutcome> {
    for (let attempt = 1; ; attempt += 1) {
      if (await this.placeCached(request)) return 'cached'
      const { algorithm, hex } = requireDigest(request.digest)
      const lock = await acquireLock(this.folder('locks'), `${algorithm}-${hex}`, request.signal)
      try {
        if (await this.placeCached(request)) return 'cached'
        await this.download(request)
        return 'downloaded'
      } catch (error) {
        if (!isErrno(error, 'ENOENT') || attempt >= PLACE_ATTEMPTS) throw problemOfDisk(error)
      } finally {
        await lock.release()
      }
    }
  }

  /** Looks at the whole folder. */
  async usage(): Promise<BlobCacheUsage> {
    const blobs = await this.list()
    return { blobCount: blobs.length, sizeBytes: blobs.reduce((sum, blob) => sum + blob.stats.size, 0) }
  }

  private folder(name: string): string {
    return join(this.options.directory, name)
  }

  private blobPath(digest: string): string {
    const { algorithm, hex } = requireDigest(digest)
    return join(this.folder('blobs'), algorithm, hex)
  }

  private proofs(request: PlaceRequest): { folder: string; registry: string; repository: string } {
    const { algorithm, hex } = requireDigest(request.digest)
    const folder = join(this.folder('proofs'), `${algorithm}-${hex}`)
    const name = (kind: string, text: string): string =>
      join(folder, `${kind}-${createHash('sha256').update(text).digest('hex').slice(0, 32)}`)
    return {
      folder,
      registry: name('registry', request.source.registry),
      repository: name('repository', `${request.source.registry}/${request.source.path}`),
    }
  }

  private async mark(folder: string, ...proofs: string[]): Promise<void> {
    await mkdir(folder, { recursive: true })
    for (const proof of proofs) await writeFile(proof, '')
  }

  private async isProven(request: PlaceRequest): Promise<boolean> {
    const proofs = this.proofs(request)
    if (await exists(proofs.repository)) return true
    if (!(await exists(proofs.registry)) || !(await request.prove())) return false
    await this.mark(proofs.folder, proofs.repository)
    return true
  }

  private async placeCached(request: PlaceRequest): Promise<boolean> {
    const path = this.blobPath(request.digest)
    try {
      const { size } = await stat(path)
      if (!(await this.isProven(request))) return false
      if (size !== request.sizeBytes) {
        throw registryProblem(
          'image-size-mismatch',
          `The blob ${request.digest} has ${size} bytes, not the ${request.sizeBytes} that the manifest states.`,
        )
      }
      await linkOrCopy(path, request.destination)
      const now = new Date()
      await utimes(path, now, now)
      return true
    } catch (error) {
      if (isErrno(error, 'ENOENT') && (await exists(dirname(request.destination)))) return false
      throw error
    }
  }

  private async download(request: PlaceRequest): Promise<void> {
    await this.makeRoom(request)
    const temporary = join(this.folder('temp'), await ownedFileName())
    try {
      const writer = await BlobWriter.create(temporary, request)
      try {
        await request.download(writer)
        writer.finish()
      } finally {
        await writer.close()
      }
      // Linked before it gets its name: from its first moment in the cache it is in use, and not evicted.
      await linkOrCopy(temporary, request.destination)
      const proofs = this.proofs(request)
      await this.mark(proofs.folder, proofs.registry, proofs.repository)
      await rename(temporary, this.blobPath(request.digest))
    } finally {
      await rm(temporary, { force: true })
    }
    this.estimatedBytes += request.sizeBytes
    this.addedSinceScanBytes += request.sizeBytes
    if (this.estimatedBytes > this.options.limitBytes || this.addedSinceScanBytes > this.options.limitBytes * RESCAN_SHARE)
      await this.evict(0)
  }

  private async makeRoom(request: PlaceRequest): Promise<void> {
    const disk = await statfs(this.options.directory)
    if (request.sizeBytes > disk.blocks * disk.bsize) {
      throw registryProblem(
        'image-too-large',
        `The blob ${request.digest} states ${request.sizeBytes} bytes, more than the disk of the blob cache can hold.`,
      )
    }
    const missing = request.sizeBytes + this.options.minimumFreeBytes - disk.bavail * disk.bsize
    if (missing <= 0) return
    if ((await this.evict(missing)) < missing) {
      throw registryProblem('disk-full', `The disk of the blob cache has no room for the ${request.sizeBytes} bytes of ${request.digest}.`)
    }
  }

  private async list(): Promise<CachedBlob[]> {
    const blobs: CachedBlob[] = []
    for (const algorithm of ['sha256', 'sha512']) {
      const folder = join(this.folder('blobs'), algorithm)
      for (const hex of await readdir(folder)) {
        const path = join(folder, hex)
        try {
          blobs.push({ path, proofs: join(this.folder('proofs'), `${algorithm}-${hex}`), stats: await stat(path) })
        } catch (error) {
          if (!isErrno(error, 'ENOENT')) throw error
        }
      }
    }
    return blobs
  }

  /** Removes the longest unused blobs until the budget holds and `extraBytes` more are free. Returns the bytes that were freed. */
  private async evict(extraBytes: number): Promise<number> {
    const blobs = await this.list()
    let total = blobs.reduce((sum, blob) => sum + blob.stats.size, 0)
    let freed = 0
    const evictable = blobs.filter((blob) => blob.stats.nlink === 1).sort((a, b) => a.stats.mtimeMs - b.stats.mtimeMs)
    for (const blob of evictable) {
      if (total <= this.options.limitBytes && freed >= extraBytes) break
      try {
        await unlink(blob.path)
      } catch (error) {
        if (!isErrno(error, 'ENOENT')) throw error
      }
      await rm(blob.proofs, { recursive: true, force: true })
      total -= blob.stats.size
      freed += blob.stats.size
    }
    this.estimatedBytes = total
    this.addedSinceScanBytes = 0
    return freed
  }

  /** After a SIGKILL: temporary files and locks whose process is gone. */
  private async removeAbandoned(): Promise<void> {
    for (const folder of [this.folder('temp'), this.folder('locks')]) {
      for (const name of await readdir(folder)) {
        // A lock names its digest and holds its owner; acquireLock takes an abandoned one over.
        if (name.endsWith('.lock')) continue
        const path = join(folder, name)
        if (await isAbandoned(name, path)) await rm(path, { force: true })
      }
    }
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path, constants.F_OK)
    return true
  } catch {
    return false
  }
}

/** Hard link; a copy where the destination is on another disk or links are not to be had. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return
    if (!isErrno(error, 'EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS')) throw error
    await copyFile(from, to, constants.COPYFILE_FICLONE)
  }
}
