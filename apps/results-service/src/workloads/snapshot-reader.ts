import { createHash } from 'node:crypto'
import { pipeline, type Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { ObservedWorkload, PharosError, WorkloadSnapshotHead } from '@pharos/contracts'
import { parseRequestPart, parseStrictJson } from '@pharos/service-kit'
import { uuidOf } from '../inventory/content-hash.js'
import { LineSplitter, ObjectSplitter, type SnapshotSplitter } from './snapshot-splitter.js'
import { SnapshotRows } from './snapshot-rows.js'

/** A snapshot as it is sent. */
export interface IncomingSnapshot {
  readonly body: Readable
  readonly mediaType: string
  /** Content-Encoding. */
  readonly encoding: string | undefined
}

/** A snapshot that was read and fits the contract. */
export interface ReadSnapshot {
  readonly head: WorkloadSnapshotHead
  readonly rows: SnapshotRows
  /** Over the uncompressed text. */
  readonly hash: string
}

/** Limits of reading snapshots. */
export interface SnapshotLimits {
  /** Uncompressed: a small gzip may hold a huge text. */
  readonly maxBytes: number
  readonly maxContainers: number
}

/** Reads a snapshot as it comes in, container by container; the text is never held as a whole. */
export async function readSnapshot(incoming: IncomingSnapshot, limits: SnapshotLimits): Promise<ReadSnapshot> {
  const splitter: SnapshotSplitter = incoming.mediaType.startsWith('application/x-ndjson') ? new LineSplitter() : new ObjectSplitter()
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const sha256 = createHash('sha256')
  const rows = new SnapshotRows()
  let seenBytes = 0
  let count = 0
  const take = (part: string): void => {
    if (count >= limits.maxContainers)
      throw new PharosError('request-too-large', `A snapshot has at most ${limits.maxContainers} containers.`)
    atWorkload(count, () => rows.add(parseRequestPart(ObservedWorkload, parseStrictJson(part), 'body')))
    count += 1
  }
  for await (const bytes of plainBytes(incoming)) {
    seenBytes += bytes.byteLength
    if (seenBytes > limits.maxBytes) throw new PharosError('request-too-large', `A snapshot has at most ${limits.maxBytes} bytes.`)
    sha256.update(bytes)
    for (const part of splitter.push(decoded(() => decoder.decode(bytes, { stream: true })))) take(part)
  }
  for (const part of splitter.push(decoded(() => decoder.decode()))) take(part)
  const { workloads, head } = splitter.end()
  for (const part of workloads) take(part)
  return { head: parseHead(head), rows, hash: uuidOf(sha256.digest('hex')) }
}

function parseHead(text: string): WorkloadSnapshotHead {
  const value = parseStrictJson(text)
  const isObject = typeof value === 'object' && value !== null
  const { workloads, ...head } = isObject ? (value as { workloads?: unknown }) : { workloads: undefined }
  // The splitter left an empty array in their place; anything else was no array at this key.
  if (workloads !== undefined && !(Array.isArray(workloads) && workloads.length === 0))
    throw new PharosError('request-invalid', 'The key workloads holds an array, and its name is written without escapes.')
  return parseRequestPart(WorkloadSnapshotHead, isObject ? head : value, 'body')
}

/** Says which of the workloads a problem is about. */
function atWorkload(position: number, work: () => void): void {
  try {
    work()
  } catch (error) {
    if (!(error instanceof PharosError)) throw error
    const place = `#/body/workloads/${position}`
    const errors = error.errors?.map(({ pointer, detail }) => ({ pointer: pointer.replace(/^#\/body/, place), detail }))
    throw new PharosError(error.code, `Workload ${position}: ${error.detail}`, {
      errors: errors ?? [{ pointer: place, detail: error.detail }],
      cause: error,
    })
  }
}

async function* plainBytes({ body, encoding }: IncomingSnapshot): AsyncGenerator<Buffer> {
  if (encoding === undefined || encoding === 'identity') {
    yield* body as AsyncIterable<Buffer>
    return
  }
  if (encoding !== 'gzip') throw new PharosError('media-type-not-accepted', 'A snapshot is sent as it is or with Content-Encoding: gzip.')
  try {
    // An error of the body ends the inflating one too, and is what the loop throws.
    yield* pipeline(body, createGunzip(), () => undefined) as AsyncIterable<Buffer>
  } catch (error) {
    throw error instanceof PharosError
      ? error
      : new PharosError('request-invalid', 'The body is not gzip, or is cut off.', { cause: error })
  }
}

function decoded(decode: () => string): string {
  try {
    return decode()
  } catch (cause) {
    throw new PharosError('json-invalid', 'The snapshot is not valid UTF-8.', { cause })
  }
}
