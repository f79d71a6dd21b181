import type { Hash } from 'node:crypto'
import { open, type FileHandle } from 'node:fs/promises'
import { PharosError } from '@pharos/contracts'
import { createDigester, requireDigest } from './digest.js'
import { isErrno } from './file-errno.js'
import { registryProblem } from './registry-problem.js'

/** What a blob must turn out to be. */
export interface ExpectedBlob {
  digest: string
  sizeBytes: number
}

/** The problem of a failure on the cache's own disk. */
export function problemOfDisk(error: unknown): Error {
  if (error instanceof PharosError) return error
  if (isErrno(error, 'ENOSPC', 'EDQUOT')) return registryProblem('disk-full', 'The disk of the blob cache has no room.')
  return error instanceof Error ? error : new Error('unknown failure of the disk')
}

/** Writes one blob to a temporary file, counting and hashing on the way: nothing that is not the blob gets past {@link finish}. */
export class BlobWriter {
  private hash: Hash
  private written = 0
  private isVerified = false

  private constructor(
    private readonly file: FileHandle,
    private readonly expected: ExpectedBlob,
  ) {
    this.hash = createDigester(expected.digest)
  }

  static async create(path: string, expected: ExpectedBlob): Promise<BlobWriter> {
    try {
      return new BlobWriter(await open(path, 'wx', 0o644), expected)
    } catch (error) {
      throw problemOfDisk(error)
    }
  }

  /** Bytes that are written: where a resumed download goes on. */
  get offsetBytes(): number {
    return this.written
  }

  /** @throws PharosError `image-size-mismatch` as soon as there is more than the descriptor says; `disk-full`. */
  async write(chunk: Uint8Array): Promise<void> {
    if (this.written + chunk.length > this.expected.sizeBytes) {
      throw registryProblem(
        'image-size-mismatch',
        `The blob ${this.expected.digest} is larger than the ${this.expected.sizeBytes} bytes that the manifest states.`,
      )
    }
    const writing = this.writeAt(chunk, this.written)
    // Hashed while the system writes: the two take about as long.
    this.hash.update(chunk)
    await writing
    this.written += chunk.length
  }

  private async writeAt(chunk: Uint8Array, positionBytes: number): Promise<void> {
    try {
      let done = 0
      while (done < chunk.length) done += (await this.file.write(chunk, done, chunk.length - done, positionBytes + done)).bytesWritten
    } catch (error) {
      throw problemOfDisk(error)
    }
  }

  /** Forgets what was written, for a server that starts over. */
  async restart(): Promise<void> {
    await this.file.truncate(0)
    this.hash = createDigester(this.expected.digest)
    this.written = 0
    this.isVerified = false
  }

  /** Checks size and digest; nothing is written after it. @throws PharosError `image-truncated`, `image-digest-mismatch` */
  finish(): void {
    if (this.isVerified) return
    if (this.written < this.expected.sizeBytes) {
      throw registryProblem(
        'image-truncated',
        `The blob ${this.expected.digest} ended after ${this.written} of ${this.expected.sizeBytes} bytes.`,
      )
    }
    const { algorithm } = requireDigest(this.expected.digest)
    const found = `${algorithm}:${this.hash.digest('hex')}`
    if (found !== this.expected.digest)
      throw registryProblem('image-digest-mismatch', `The blob ${this.expected.digest} has the digest ${found}.`)
    this.isVerified = true
  }

  async close(): Promise<void> {
    await this.file.close()
  }
}
