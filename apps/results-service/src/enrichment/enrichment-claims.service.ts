import { Injectable } from '@nestjs/common'
import {
  type ClaimedEnrichment,
  type ClaimEnrichment,
  type EnrichmentFailure,
  type EnrichmentLease,
  type EnrichmentSetFiles,
  type EnrichmentSubject,
  PharosError,
} from '@pharos/contracts'
import { InjectConfiguration } from '@pharos/service-kit'
import type { ResultsConfiguration } from '../configuration.js'
import { Database } from '../database/transaction.js'
import { originalText, storedText } from '../inventory/stored-text.js'
import { EnricherRequestRepository, type RequestRow } from './enricher-request.repository.js'
import { EnricherSetRepository } from './enricher-set.repository.js'
import { type BuiltPayload, PayloadBuilder } from './payload-builder.js'
import { PayloadRepository, type SubjectRow } from './payload.repository.js'
import { type TakenWork, WorkQueue } from './work-queue.js'

/** A chunk as its holder shows it. */
export interface ChunkCredential {
  readonly chunkId: string
  readonly token: string
}

type Claimed = Exclude<ClaimedEnrichment, { outcome: 'none' }>

/** A test that has waited for longer is nobody's any more. */
export const testPatienceMs = 30_000

/** What claims are made of. */
@Injectable()
export class EnrichmentClaimTools {
  constructor(
    readonly queue: WorkQueue,
    readonly requests: EnricherRequestRepository,
    readonly sets: EnricherSetRepository,
    readonly payloads: PayloadRepository,
    readonly builder: PayloadBuilder,
  ) {}
}

/** Gives work to workers under a lease, and takes back what they could not do. */
@Injectable()
export class EnrichmentClaimsService {
  constructor(
    private readonly database: Database,
    private readonly tools: EnrichmentClaimTools,
    @InjectConfiguration() private readonly configuration: Pick<ResultsConfiguration, 'enrichment'>,
  ) {}

  /**
   * The next work for a worker as lines, see `ClaimedEnrichment`: requests first, of which somebody waits for the answer. Payloads
   * are read after the work was taken, so they hold whatever made it due; what changes later makes it due again.
   */
  async claim({ workerId }: ClaimEnrichment): Promise<AsyncIterable<string>> {
    const { leaseMs, chunkSubjects, chunkFacts } = this.configuration.enrichment
    const taken = await this.database.inTransaction(async (tx) => {
      await this.tools.queue.freeLapsed(tx)
      const request = await this.tools.requests.next(tx, testPatienceMs)
      if (request !== null) {
        const chunk = await this.tools.queue.open(tx, request, { workerId, leaseMs })
        await this.tools.requests.give(tx, request.id, chunk.chunkId)
        return { request, ...chunk }
      }
      const work = await this.tools.queue.take(tx, { workerId, leaseMs, subjects: chunkSubjects, facts: chunkFacts })
      return work === null ? null : { work, hash: (await this.tools.sets.find(tx, work.setId))?.hash ?? '' }
    })
    if (taken === null) return one(lineOf({ outcome: 'none' } satisfies ClaimedEnrichment))
    return 'request' in taken ? this.requestLines(taken.request, taken) : this.workLines(taken.work, taken.hash)
  }

  /** Renews a lease. `continue` is false when the chunk is another's, or its run rests or has ended. */
  async renew({ chunkId, token }: ChunkCredential): Promise<EnrichmentLease> {
    const { leaseMs } = this.configuration.enrichment
    return { continue: await this.database.inTransaction((tx) => this.tools.queue.renew(tx, chunkId, token, leaseMs)), leaseMs }
  }

  /** A worker could not do it: another may. */
  async fail({ chunkId, token }: ChunkCredential, { reason, isCounted }: EnrichmentFailure): Promise<void> {
    await this.database.inTransaction(async (tx) => {
      const chunk = await this.tools.queue.lock(tx, chunkId, token)
      if (chunk === null || chunk.state !== 'open') return
      await this.tools.queue.dissolve(tx, chunkId, { reason: storedText(reason), isCounted })
    })
  }

  /** Throws `not-found`. */
  async files(setId: string): Promise<EnrichmentSetFiles> {
    const set = await this.tools.sets.find(this.database.runner, setId)
    if (set === null) throw new PharosError('not-found', 'There is no such set of enrichers.')
    return { id: set.id, hash: set.hash ?? '', files: set.files }
  }

  private async *workLines(work: TakenWork, hash: string): AsyncGenerator<string> {
    const { chunkId, token, setId, run } = work
    const { runner } = this.database
    const subjects = await this.tools.payloads.subjects(runner, work.subjects)
    const { leaseMs } = this.configuration.enrichment
    yield lineOf({
      outcome: 'claimed',
      kind: 'subjects',
      chunkId,
      token,
      leaseMs,
      set: { id: setId, hash },
      run: run?.kind ?? 'due',
      subjects: subjects.length,
    } satisfies Claimed)
    yield* this.payloadLines(subjects)
  }

  private async *requestLines(request: RequestRow, { chunkId, token }: ChunkCredential): AsyncGenerator<string> {
    const { leaseMs } = this.configuration.enrichment
    const claimed = { outcome: 'claimed' as const, chunkId, token, leaseMs }
    const { files, source, enricher } = request.body
    if (request.kind === 'validate') {
      yield lineOf({ ...claimed, kind: 'validate', files, source } satisfies Claimed)
      return
    }
    const set = request.set_id === null || request.set_hash === null ? null : { id: request.set_id, hash: request.set_hash }
    const subjects = request.payload === null && request.subject === null ? 0 : 1
    yield lineOf({ ...claimed, kind: 'test', set, files, enricher, subjects } satisfies Claimed)
    if (request.payload !== null) {
      yield lineOf({ subject: 0, digest: null, key: '' } satisfies EnrichmentSubject)
      yield `${request.payload}\n`
    }
    if (request.subject !== null) {
      const { imageId, kind, key, workloadId } = request.subject
      yield* this.payloadLines([{ id: '0', image_id: imageId, kind, key, workload_id: workloadId }])
    }
  }

  private async *payloadLines(subjects: readonly SubjectRow[]): AsyncGenerator<string> {
    for await (const { subject, digest, text } of this.tools.builder.build(this.database.runner, subjects)) {
      yield lineOf(subjectOf(subject, digest))
      yield `${text}\n`
    }
  }
}

function subjectOf({ id, key }: BuiltPayload['subject'], digest: string): EnrichmentSubject {
  return { subject: Number(id), digest, key: originalText(key) }
}

function lineOf(value: unknown): string {
  return `${JSON.stringify(value)}\n`
}

async function* one(line: string): AsyncGenerator<string> {
  yield await Promise.resolve(line)
}
