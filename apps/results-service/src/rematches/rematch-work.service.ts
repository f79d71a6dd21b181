import { Inject, Injectable } from '@nestjs/common'
import {
  type ClaimedRematchChunk,
  type ClaimRematchChunk,
  type GenerationRef,
  PharosError,
  type RematchChunkAnswer,
  type RematchChunkFailure,
  type RematchChunkResults,
  type RematchLease,
} from '@pharos/contracts'
import { type Clock, CONFIGURATION, InjectClock } from '@pharos/service-kit'
import type { ResultsConfiguration } from '../configuration.js'
import { Database, type Transaction } from '../database/transaction.js'
import { GenerationTransitions } from '../generations/generation-transitions.js'
import { generationRefOf, type GenerationRow } from '../generations/generation-view.js'
import { engineCode } from '../inventory/column-codes.js'
import { storedText } from '../inventory/stored-text.js'
import { RematchChunkStore, type TakenChunk } from './rematch-chunk-store.js'
import { RematchCourseService } from './rematch-course.service.js'
import { RematchInputs } from './rematch-inputs.js'
import { RematchPlanner } from './rematch-planner.js'
import { RematchStaging } from './rematch-staging.js'
import { RematchStore } from './rematch-store.js'
import type { RematchRow } from './rematch-view.js'

/** A chunk as its holder shows it. */
export interface ChunkCredential {
  readonly rematchId: string
  readonly number: number
  readonly token: string
}

/** Everything that chunks go through at a worker. */
@Injectable()
export class RematchWorkTools {
  constructor(
    readonly rematches: RematchStore,
    readonly chunks: RematchChunkStore,
    readonly inputs: RematchInputs,
    readonly staging: RematchStaging,
    readonly generations: GenerationTransitions,
    readonly planner: RematchPlanner,
  ) {}
}

/** The work of re-matches for workers: chunks are taken under a lease, delivered once, or given back. */
@Injectable()
export class RematchWorkService {
  constructor(
    private readonly database: Database,
    private readonly tools: RematchWorkTools,
    private readonly course: RematchCourseService,
    @Inject(CONFIGURATION) private readonly configuration: Pick<ResultsConfiguration, 'rematches' | 'scans'>,
    @InjectClock() private readonly clock: Clock,
  ) {}

  /** The next chunk for a worker, with what is stored of its packages or vulnerabilities. */
  async claim(request: ClaimRematchChunk): Promise<ClaimedRematchChunk> {
    return this.database.inTransaction((tx) => this.take(tx, request))
  }

  /** Renews a lease. `continue` is false when the chunk is another's, or the re-match was paused. */
  async renew({ rematchId, number, token }: ChunkCredential): Promise<RematchLease> {
    const { leaseMs } = this.configuration.rematches
    return this.database.inTransaction(async (tx) => {
      const isHeld = await this.tools.chunks.renew(tx, { rematchId, number, token }, leaseMs)
      const rematch = await this.tools.rematches.find(tx, rematchId)
      return { continue: isHeld && rematch?.is_paused === false, leaseMs }
    })
  }

  /**
   * Stages what a worker found. Twice changes nothing. Throws `attempt-superseded` when the chunk is no longer the worker's, and
   * `report-invalid` for results of another chunk.
   */
  async deliver(credential: ChunkCredential, results: RematchChunkResults): Promise<RematchChunkAnswer> {
    const answer = await this.stage(credential, results)
    if (answer.outcome === 'stored') this.course.hasten()
    return answer
  }

  private async stage(credential: ChunkCredential, results: RematchChunkResults): Promise<RematchChunkAnswer> {
    return this.database.inTransaction(async (tx) => {
      // What is compared with the open matches and what is kept of them must be of one moment.
      await tx.query('set transaction isolation level repeatable read')
      const rematch = await this.tools.rematches.share(tx, credential.rematchId)
      const chunk = await this.tools.chunks.lock(tx, credential.rematchId, credential.number, credential.token)
      if (rematch === null || chunk === null) throw new PharosError('not-found', 'There is no such chunk.')
      if (!chunk.isOwn || rematch.state !== 'preparing' || chunk.state === 'failed')
        throw new PharosError('attempt-superseded', 'This part of the re-match is no longer yours.')
      if (chunk.state === 'done') return { outcome: 'already-stored' }
      if (chunk.kind !== results.kind) throw new PharosError('report-invalid', 'The results are of another kind than the chunk.')
      const staged = { rematchId: rematch.id, engineCode: engineCode(rematch.engine), ids: chunk.ids }
      if (results.kind === 'difference') {
        await this.tools.planner.choose(tx, rematch, results)
      } else if (results.kind === 'packages') {
        if ((await this.tools.staging.stagePackages(tx, staged, results)) === 'repeat') {
          await this.tools.chunks.release(tx, rematch.id, credential.number, { reason: 'Its matches changed meanwhile.', isCounted: false })
          return { outcome: 'repeat' }
        }
      } else {
        await this.tools.staging.stageScores(tx, staged, results)
      }
      await this.tools.chunks.finish(tx, rematch.id, credential.number, results.kind === 'scores' ? results.scores.length : 0)
      return { outcome: 'stored' }
    })
  }

  /** A worker could not do it: another may. */
  async fail(credential: ChunkCredential, { reason, isCounted }: RematchChunkFailure): Promise<void> {
    await this.database.inTransaction(async (tx) => {
      const chunk = await this.tools.chunks.lock(tx, credential.rematchId, credential.number, credential.token)
      if (chunk === null || !chunk.isOwn || chunk.state !== 'open') return
      await this.tools.chunks.release(tx, credential.rematchId, credential.number, { reason: storedText(reason), isCounted })
    })
  }

  private async take(tx: Transaction, request: ClaimRematchChunk): Promise<ClaimedRematchChunk> {
    const { leaseMs } = this.configuration.rematches
    const chunk = await this.tools.chunks.take(tx, { id: request.workerId, leaseMs, comparesDatabases: request.comparesDatabases ?? false })
    if (chunk === null) return this.nothing(tx)
    const rematch = await this.tools.rematches.find(tx, chunk.rematchId)
    if (rematch === null) throw new PharosError('internal-error', 'A chunk has no re-match.')
    const described = await this.describe(tx, rematch, chunk, request.engineVersion)
    if (described !== null) return described
    await this.tools.chunks.finish(tx, rematch.id, chunk.number, 0)
    await this.tools.planner.widen(tx, rematch)
    return this.take(tx, request)
  }

  /** Nothing to do now; a database that waits for its verdict can be fetched meanwhile. */
  private async nothing(tx: Transaction): Promise<ClaimedRematchChunk> {
    const coming = await this.tools.generations.newestUnjudged(tx, 'grype')
    return coming === null ? { outcome: 'none' } : { outcome: 'none', prepare: this.refOf(coming) }
  }

  /** null for a difference of databases of which one is no longer at hand. */
  private async describe(
    tx: Transaction,
    rematch: RematchRow,
    chunk: TakenChunk,
    engineVersion: string,
  ): Promise<Exclude<ClaimedRematchChunk, { outcome: 'none' }> | null> {
    await tx.query(
      `update rematch set engine_version = case when engine_version is null or engine_version = $2 then $2 else '' end where id = $1 and engine_version is distinct from $2`,
      [rematch.id, engineVersion],
    )
    const claimed = {
      outcome: 'claimed' as const,
      rematchId: rematch.id,
      chunk: chunk.number,
      token: chunk.token,
      leaseMs: this.configuration.rematches.leaseMs,
      generation: this.refOf(await this.tools.generations.find(tx, rematch.generation_id)),
    }
    if (chunk.kind === 'scores')
      return { ...claimed, kind: 'scores', vulnerabilities: await this.tools.inputs.vulnerabilities(tx, chunk.ids) }
    const formerGeneration = await this.formerOf(tx, rematch)
    if (chunk.kind === 'difference') return formerGeneration && { ...claimed, kind: 'difference', formerGeneration }
    return {
      ...claimed,
      kind: 'packages',
      formerGeneration: rematch.base_engine_version === engineVersion ? formerGeneration : null,
      units: await this.tools.inputs.units(tx, rematch.engine, chunk.ids),
      // Those that a difference has chosen by their keys have them.
      withKeys: rematch.keys_version === null || (await this.tools.inputs.lackKeys(tx, chunk.ids, rematch.keys_version)),
    }
  }

  /** The database whose difference to the new one narrows the work; null where it does not, or is not at hand. */
  private async formerOf(tx: Transaction, rematch: RematchRow): Promise<GenerationRef | null> {
    if (!rematch.is_narrowed || rematch.former_generation_id === null) return null
    const former = await this.tools.generations.find(tx, rematch.former_generation_id)
    return former?.has_archive === true ? this.refOf(former) : null
  }

  private refOf(row: GenerationRow | null): GenerationRef {
    if (row === null) throw new PharosError('internal-error', 'The database of a re-match is gone.')
    return generationRefOf(row, this.clock.now(), this.configuration.scans.databaseMaxAgeMs)
  }
}
