import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { PharosError } from '@pharos/contracts'
import { oneRow, type SqlRunner } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'

/** Tables that hold large bytes in chunks, so that neither side ever holds a whole archive in memory. */
export type ChunkTable = 'catalogue_chunk' | 'generation_chunk'

const chunkBytes = 1024 * 1024

/** Writes a stream in chunks and returns its size and SHA-256 (hex). Throws `request-too-large` past the limit. */
export async function writeChunks(tx: Transaction, table: ChunkTable, key: string, source: AsyncIterable<Uint8Array>, limitBytes: number) {
  const sha256 = createHash('sha256')
  let sizeBytes = 0
  let position = 0
  let pending: Uint8Array[] = []
  let pendingBytes = 0
  const flush = async (): Promise<void> => {
    if (pendingBytes === 0) return
    await tx.query(`insert into ${table} (key, position, bytes) values ($1, $2, $3)`, [key, position, Buffer.concat(pending)])
    position += 1
    pending = []
    pendingBytes = 0
  }
  for await (const bytes of source) {
    sizeBytes += bytes.byteLength
    if (sizeBytes > limitBytes) throw new PharosError('request-too-large', `The body is larger than ${limitBytes} bytes.`)
    sha256.update(bytes)
    for (let offset = 0; offset < bytes.byteLength; ) {
      const part = bytes.subarray(offset, offset + chunkBytes - pendingBytes)
      pending.push(part)
      pendingBytes += part.byteLength
      offset += part.byteLength
      if (pendingBytes === chunkBytes) await flush()
    }
  }
  await flush()
  return { sizeBytes, sha256: sha256.digest('hex') }
}

/** Reads the chunks of a key one by one. The stream fails when it would end before `sizeBytes`: chunks removed meanwhile are no end. */
export function readChunks(runner: SqlRunner, table: ChunkTable, key: string, sizeBytes: number): Readable {
  return Readable.from(chunksOf(runner, table, key, sizeBytes), { objectMode: false })
}

async function* chunksOf(runner: SqlRunner, table: ChunkTable, key: string, sizeBytes: number): AsyncGenerator<Buffer> {
  let readBytes = 0
  for (let position = 0; readBytes < sizeBytes; position += 1) {
    const row = await oneRow<{ bytes: Buffer }>(runner, `select bytes from ${table} where key = $1 and position = $2`, [key, position])
    if (row === null) throw new PharosError('not-found', 'The stored bytes were removed while they were read.')
    readBytes += row.bytes.byteLength
    yield row.bytes
  }
}
