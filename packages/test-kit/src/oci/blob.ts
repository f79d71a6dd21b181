import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'

/** Content under its digest; large content stays on disk or is made while it is read. */
export interface Blob {
  /** `sha256:<hex>` of exactly the bytes that `open` gives. */
  digest: string
  sizeBytes: number
  /** A stream of the bytes, or of the part `[start, end]` (both inclusive) of them. */
  open(range?: ByteRange): Readable
}

/** Both ends are inclusive, as in an HTTP range. */
export interface ByteRange {
  start: number
  end: number
}

/** The digest of bytes in the notation of registries. */
export function sha256(bytes: Buffer | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

/** Content that is held in memory. */
export function memoryBlob(bytes: Buffer): Blob {
  return {
    digest: sha256(bytes),
    sizeBytes: bytes.length,
    open: (range) => Readable.from([range ? bytes.subarray(range.start, range.end + 1) : bytes], { objectMode: false }),
  }
}

/** Content that stands in a file whose digest is known. */
export function fileBlob(path: string, digest: string, sizeBytes: number): Blob {
  return { digest, sizeBytes, open: (range) => createReadStream(path, range) }
}

/** All bytes of a blob; for small ones only. */
export async function readBlob(blob: Blob): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of blob.open()) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
