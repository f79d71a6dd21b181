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
import { RematchInputs } from './rematch-inputs.js'
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
  ) {}
}

/** The work of re-matches for workers: chunks are taken under a lease, delivered once, or given back. */
@Injectable()
export class RematchWorkService {
  constructor(
    private readonly database: Database,
    private readonly tools: RematchWorkTools,
    @Inject(CONFIGURATION) private readonly configuration: Pick<ResultsConfiguration, 'rematches' | 'scans'>,
    @InjectClock() private readonly clock: Clock,
  ) {}

  /** The next chunk for a worker, with what is stored of its packages or vulnerabilities. */
  async claim(request: ClaimRematchChunk): Promise<ClaimedRematchChunk> {
    const { leaseMs } = this.configuration.rematches
    return this.database.inTransaction(async (tx) => {
      const chunk = await this.tools.chunks.take(tx, { id: request.workerId, leaseMs })
      if (chunk === null) return { outcome: 'none' }
      const rematch = await this.tools.rematches.find(tx, chunk.rematchId)
      if (rematch === null) throw new PharosError('internal-error', 'A chunk has no re-match.')
      return this.describe(tx, rematch, chunk, request.engineVersion)
    })
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
      if (results.kind === 'packages') {
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

  private async describe(
    tx: Transaction,
    rematch: RematchRow,
    chunk: TakenChunk,
    engineVersion: string,
  ): Promise<Exclude<ClaimedRematchChunk, { outcome: 'none' }>> {
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
    // Stored results of another version of the matcher may differ for packages that the databases' difference cannot touch.
    const isNarrowed = rematch.is_narrowed && rematch.base_engine_version === engineVersion
    const former =
      isNarrowed && rematch.former_generation_id !== null ? await this.tools.generations.find(tx, rematch.former_generation_id) : null
    return {
      ...claimed,
      kind: 'packages',
      formerGeneration: former?.has_archive === true ? this.refOf(former) : null,
      units: await this.tools.inputs.units(tx, rematch.engine, chunk.ids),
    }
  }

  private refOf(row: GenerationRow | null): GenerationRef {
    if (row === null) throw new PharosError('internal-error', 'The database of a re-match is gone.')
    return generationRefOf(row, this.clock.now(), this.configuration.scans.databaseMaxAgeMs)
  }
}
