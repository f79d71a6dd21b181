import { PharosError } from '@pharos/contracts'
import type { BlobWriter, ExpectedBlob } from './blob-writer.js'
import type { RegistrySession } from './registry-session.js'
import { registryProblem } from './registry-problem.js'
import { discard, readBody, type HttpAnswer } from './transport.js'

/** Connections that may break in the middle of one blob before it is given up; each must have brought something. */
const BROKEN_CONNECTION_LIMIT = 5

/** How one blob is fetched. */
export interface BlobDownload extends ExpectedBlob {
  /** Path of the repository in the reference, without a mirror's prefix. */
  repositoryPath: string
  idleMs: number
  deadlineMs: number
  signal?: AbortSignal | undefined
  onBytes?: ((byteCount: number) => void) | undefined
}

function blobPath(session: RegistrySession, download: BlobDownload): string {
  return `/v2/${session.repository(download.repositoryPath)}/blobs/${download.digest}`
}

function requestFor(
  session: RegistrySession,
  download: BlobDownload,
  headers: Record<string, string>,
): Parameters<RegistrySession['send']>[0] {
  return {
    path: blobPath(session, download),
    headers,
    scope: session.pullScope(download.repositoryPath),
    what: `the blob ${download.digest} of ${session.endpoint.registry}/${download.repositoryPath}`,
    deadlineMs: download.deadlineMs,
    signal: download.signal,
  }
}

/** Bytes of the answer's body when it states them. */
function statedLength(answer: HttpAnswer): number | null {
  const text = answer.header('content-length')
  return text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : null
}

/** Whether a 206 goes on exactly where the download broke off. */
function isContinuation(answer: HttpAnswer, offsetBytes: number): boolean {
  return answer.status === 206 && new RegExp(`^bytes ${offsetBytes}-\\d+/(\\d+|\\*)$`).test(answer.header('content-range') ?? '')
}

/** `onHead` is called once the registry has begun to answer: what breaks after that is the blob, not the way to the registry. */
async function readInto(writer: BlobWriter, session: RegistrySession, download: BlobDownload, onHead: () => void): Promise<void> {
  const resumeAt = writer.offsetBytes
  const request = requestFor(session, download, resumeAt > 0 ? { Range: `bytes=${resumeAt}-` } : {})
  const answer = await session.send(request)
  if (resumeAt > 0 && !isContinuation(answer, resumeAt)) {
    if (answer.status === 206 || answer.status === 416) {
      discard(answer)
      throw registryProblem(
        'image-truncated',
        `The blob ${download.digest} broke off after ${resumeAt} of ${download.sizeBytes} bytes, and the registry could not go on from there.`,
      )
    }
    await session.requireStatus(answer, [200], request)
    await writer.restart()
  } else {
    await session.requireStatus(answer, [resumeAt > 0 ? 206 : 200], request)
  }
  const length = statedLength(answer)
  if (length !== null && length !== download.sizeBytes - writer.offsetBytes) {
    discard(answer)
    throw registryProblem(
      'image-size-mismatch',
      `The registry has ${writer.offsetBytes + length} bytes for the blob ${download.digest}, the manifest states ${download.sizeBytes}.`,
    )
  }
  onHead()
  for await (const chunk of readBody(answer, download)) {
    await writer.write(chunk)
    download.onBytes?.(chunk.length)
  }
}

/**
 * Streams a blob into its writer. A connection that breaks is taken up where it broke, with a Range request; a server
 * that does not know ranges starts over.
 * @throws PharosError `image-truncated` when the body keeps breaking off, and whatever the request gives.
 */
export async function downloadBlob(writer: BlobWriter, session: RegistrySession, download: BlobDownload): Promise<void> {
  let brokenCount = 0
  for (;;) {
    const before = writer.offsetBytes
    let hasHead = false
    try {
      await readInto(writer, session, download, () => {
        hasHead = true
      })
      return
    } catch (error) {
      if (!(error instanceof PharosError) || error.code !== 'registry-unreachable') throw error
      brokenCount += 1
      const hasAdvanced = writer.offsetBytes > before
      if (hasAdvanced && brokenCount <= BROKEN_CONNECTION_LIMIT) continue
      if (!hasHead && writer.offsetBytes === 0) throw error
      throw registryProblem(
        'image-truncated',
        `The blob ${download.digest} broke off after ${writer.offsetBytes} of ${download.sizeBytes} bytes.`,
      )
    }
  }
}

/** Asks whether the caller may read a blob in this repository, without reading it. @throws PharosError when not. */
export async function requireReadableBlob(session: RegistrySession, download: BlobDownload): Promise<void> {
  const request = { ...requestFor(session, download, {}), method: 'HEAD' as const }
  const answer = await session.send(request)
  await session.requireStatus(answer, [200], request)
  discard(answer)
}
