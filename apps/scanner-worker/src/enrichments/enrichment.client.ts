import { Injectable } from '@nestjs/common'
import {
  ClaimedEnrichment,
  type ClaimEnrichment,
  EnrichmentAnswer,
  enrichmentChunkPath,
  enrichmentClaimPath,
  type EnrichmentFailure,
  EnrichmentLease,
  type EnrichmentResults,
  EnrichmentSetFiles,
  enrichmentSetPath,
  EnrichmentSubject,
  enrichmentTokenHeader,
  PharosError,
} from '@pharos/contracts'
import { ServiceClient } from '@pharos/service-kit'
import { compressedBody, largeBodyTimeoutMs } from '../results/compressed-body.js'
import { payloadLines } from './payload-lines.js'

/** A chunk as its holder shows it. */
export interface EnrichmentKey {
  readonly chunkId: string
  readonly token: string
}

/** A subject with the text of its payload, which only the engines parse. */
export interface ClaimedSubject extends EnrichmentSubject {
  readonly payload: string
}

export type EnrichmentWork = Exclude<ClaimedEnrichment, { outcome: 'none' }>

/** What was claimed, and its subjects as they come. */
export interface ClaimedWork {
  readonly work: EnrichmentWork
  readonly subjects: AsyncGenerator<ClaimedSubject, void, undefined>
}

/** Text of `EnrichmentResults`. */
export interface ResultsText {
  readonly text: string
}

export function resultsText(results: EnrichmentResults): ResultsText {
  return { text: JSON.stringify(results) }
}

const payloadLimitBytes = 256 * 1024 ** 2

/** Work with enrichers at results-service, as a worker takes part in it. */
@Injectable()
export class EnrichmentClient {
  constructor(private readonly client: ServiceClient) {}

  /** null when there is nothing to do. The subjects must be read to their end or returned from. */
  async claim(body: ClaimEnrichment, signal: AbortSignal): Promise<ClaimedWork | null> {
    const answer = await this.client.stream({ method: 'POST', path: enrichmentClaimPath, body, signal })
    const lines = payloadLines(answer.body, payloadLimitBytes)
    const head = await lines.next()
    if (head.done === true) throw new PharosError('upstream-unavailable', 'results-service answered a claim with nothing.')
    const work = ClaimedEnrichment.parse(parsed(head.value))
    if (work.outcome === 'claimed') return { work, subjects: pairs(lines) }
    await lines.return()
    return null
  }

  files(setId: string): Promise<EnrichmentSetFiles> {
    return this.client.request({ method: 'GET', path: enrichmentSetPath(setId), schema: EnrichmentSetFiles })
  }

  renew(key: EnrichmentKey): Promise<EnrichmentLease> {
    return this.client.request({ ...call(key, 'renew'), body: {}, schema: EnrichmentLease, isIdempotent: true, timeoutMs: 5_000 })
  }

  /** @throws PharosError `attempt-superseded` when the chunk is another's by now */
  async deliver(key: EnrichmentKey, results: ResultsText, signal?: AbortSignal): Promise<EnrichmentAnswer> {
    const body = await compressedBody(results.text)
    const { headers, ...rest } = call(key, 'deliver')
    return this.client.request({
      ...rest,
      headers: { ...headers, 'content-type': 'application/gzip' },
      body,
      schema: EnrichmentAnswer,
      isIdempotent: true,
      timeoutMs: largeBodyTimeoutMs,
      ...(signal === undefined ? {} : { signal }),
    })
  }

  async fail(key: EnrichmentKey, body: EnrichmentFailure): Promise<void> {
    await this.client.request({ ...call(key, 'fail'), body, isIdempotent: true, timeoutMs: 5_000 })
  }
}

function call({ chunkId, token }: EnrichmentKey, action: 'renew' | 'deliver' | 'fail') {
  return { method: 'POST' as const, path: enrichmentChunkPath(chunkId, action), headers: { [enrichmentTokenHeader]: token } }
}

async function* pairs(lines: AsyncGenerator<Buffer, void, undefined>): AsyncGenerator<ClaimedSubject, void, undefined> {
  let about: EnrichmentSubject | undefined
  for await (const line of lines) {
    if (about === undefined) {
      about = EnrichmentSubject.parse(parsed(line))
      continue
    }
    yield { ...about, payload: line.toString('utf8') }
    about = undefined
  }
  if (about !== undefined) throw new PharosError('upstream-unavailable', 'A subject came without its payload.')
}

function parsed(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString('utf8'))
  } catch (error) {
    throw new PharosError('internal-error', 'results-service answered a claim with something that is not JSON.', { cause: error })
  }
}
