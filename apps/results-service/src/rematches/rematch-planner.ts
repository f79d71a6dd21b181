import { Inject, Injectable } from '@nestjs/common'
import type { DifferenceChunkResults, EngineName } from '@pharos/contracts'
import { CONFIGURATION } from '@pharos/service-kit'
import type { ResultsConfiguration } from '../configuration.js'
import { oneRow } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { engineCode } from '../inventory/column-codes.js'
import { stopIngest } from './ingest-lock.js'
import { RematchChunkStore } from './rematch-chunk-store.js'
import { RematchStore } from './rematch-store.js'
import type { RematchRow } from './rematch-view.js'

/** Which database the fleet is to be matched in, and which one its results are of. */
export interface RematchPlan {
  readonly engine: EngineName
  readonly generationId: string
  /** The generation whose results there are. */
  readonly judgedGenerationId: string
  /** The database whose difference to the new one says what to leave out; null: every package is matched. */
  readonly narrowedBy: string | null
  readonly cause: 'database' | 'manual'
  readonly by: string
}

/** Engines whose results depend on packages alone, as the engine tells them. Trivy's depend on the image's layers. */
const rematchable: ReadonlySet<EngineName> = new Set(['grype'])

/** Begins re-matches: decides what there is to do, and cuts it into chunks. */
@Injectable()
export class RematchPlanner {
  constructor(
    private readonly rematches: RematchStore,
    private readonly chunks: RematchChunkStore,
    @Inject(CONFIGURATION) private readonly configuration: Pick<ResultsConfiguration, 'rematches'>,
  ) {}

  /** Returns the id of the re-match, or null when there is nothing to match again: no image has a result that would move. */
  async begin(tx: Transaction, plan: RematchPlan): Promise<string | null> {
    if (!rematchable.has(plan.engine)) return null
    // What is being stored now would be seen half: its ids are given, its rows are not there yet.
    await stopIngest(tx)
    const work = await this.measure(tx, plan)
    if (!work.has_images || !work.has_packages) return null
    const id = await this.rematches.create(tx, {
      engine: plan.engine,
      generationId: plan.generationId,
      formerGenerationId: plan.narrowedBy,
      cause: plan.cause,
      isNarrowed: plan.narrowedBy !== null && work.narrowed_archive && work.engine_version !== null,
      baseEngineVersion: work.engine_version,
      lastVulnerabilityId: Number(work.last_vulnerability_id),
      by: plan.by,
    })
    const rematch = await this.rematches.find(tx, id)
    if (rematch?.is_narrowed === true) await this.chunks.addDifference(tx, id)
    else await this.addEverything(tx, { id, engine: plan.engine })
    return id
  }

  /** Goes on with what both databases differ in, as a worker has told it. */
  async choose(tx: Transaction, rematch: RematchRow, found: DifferenceChunkResults): Promise<void> {
    // What another matcher would find in the former database is not what is stored.
    if (found.isEverything || found.engineVersion !== rematch.base_engine_version) return this.widen(tx, rematch)
    const { chunkPackages: packages, chunkVulnerabilities: vulnerabilities } = this.configuration.rematches
    const { keysVersion, keys, records, scores } = found
    const skipped = await this.chunks.addTouchedPackages(tx, rematch.id, { keysVersion, keys, size: packages })
    await this.chunks.addNamedScores(tx, rematch.id, {
      names: [...records, ...scores],
      upTo: Number(rematch.last_vulnerability_id),
      engine: rematch.engine,
      size: vulnerabilities,
    })
    await this.rematches.markCompared(tx, rematch.id, { keysVersion, skipped })
  }

  /** Nobody could tell what the databases differ in: every package is matched. Returns whether that was so. */
  async widenUncompared(tx: Transaction, rematchId: string): Promise<boolean> {
    if (!(await this.rematches.isUncompared(tx, rematchId))) return false
    const rematch = await this.rematches.lock(tx, rematchId)
    // Another replica may have been faster.
    if (rematch !== null && (await this.rematches.isUncompared(tx, rematchId))) await this.widen(tx, rematch)
    return true
  }

  /** Every package is matched, whatever both databases differ in. */
  async widen(tx: Transaction, rematch: RematchRow): Promise<void> {
    await this.rematches.widen(tx, rematch.id)
    await this.addEverything(tx, rematch)
  }

  private async addEverything(tx: Transaction, { id, engine }: Pick<RematchRow, 'id' | 'engine'>): Promise<void> {
    const { chunkPackages, chunkVulnerabilities } = this.configuration.rematches
    await this.chunks.addPackages(tx, id, chunkPackages)
    await this.chunks.addScores(tx, id, { after: 0, engine, size: chunkVulnerabilities })
  }

  private async measure(tx: Transaction, plan: RematchPlan): Promise<PlanRow> {
    const row = await oneRow<PlanRow>(
      tx,
      `select exists (select from image_engine_result where engine = $1 and has_good_result and generation_id = $2) as has_images,
              exists (select from package_input) as has_packages,
              exists (select from database_generation where id = $3 and has_archive) as narrowed_archive,
              coalesce((select max(id) from vulnerability), 0) as last_vulnerability_id,
              (select case when count(distinct coalesce(engine_version, '')) = 1 then max(engine_version) end
                 from image_engine_result where engine = $1 and has_good_result and generation_id = $2) as engine_version`,
      [engineCode(plan.engine), plan.judgedGenerationId, plan.narrowedBy],
    )
    if (row === null) throw new Error('a query without a condition has returned no row')
    return row
  }
}

interface PlanRow {
  has_images: boolean
  has_packages: boolean
  narrowed_archive: boolean
  last_vulnerability_id: string
  engine_version: string | null
}
