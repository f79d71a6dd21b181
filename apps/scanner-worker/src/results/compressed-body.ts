import { promisify } from 'node:util'
import { gzip } from 'node:zlib'

const gzipAsync = promisify(gzip)

/** Longest time that a large body may take on its way. */
export const largeBodyTimeoutMs = 120_000

/** A text as it is sent; the fastest level, since the way is short. */
export function compressedBody(text: string): Promise<Buffer> {
  return gzipAsync(text, { level: 1 })
}
