import { Injectable } from '@nestjs/common'
import { type CreateRematch, type ListRematchesQuery, PharosError, type Principal, type Rematch } from '@pharos/contracts'
import { type Clock, InjectClock } from '@pharos/service-kit'
import { AuditLog } from '../audit/audit-log.js'
import { decodeCursor, type Page, pageOfRows } from '../database/keyset.js'
import type { SqlRunner } from '../database/sql.js'
import { Database } from '../database/transaction.js'
import { GenerationTransitions } from '../generations/generation-transitions.js'
import { RematchPlanner } from './rematch-planner.js'
import { RematchStore } from './rematch-store.js'
import { type RematchProgressRow, type RematchRow, rematchOf } from './rematch-view.js'

const nothingYet: RematchProgressRow = { chunks: 0, ended: 0, failed: 0, matched: 0, skipped: 0, failed_units: 0, described: 0 }

/** Re-matches as people see and steer them. */
@Injectable()
export class RematchesService {
  constructor(
    private readonly database: Database,
    private readonly rematches: RematchStore,
    private readonly planner: RematchPlanner,
    private readonly generations: GenerationTransitions,
    private readonly audit: AuditLog,
    @InjectClock() private readonly clock: Clock,
  ) {}

  /** Newest first. */
  async list(query: ListRematchesQuery): Promise<Page<Rematch>> {
    const list = { list: 'rematches', sort: JSON.stringify([query.engine]) }
    const [after = null] = decodeCursor(list, query.cursor, ['uuid']) ?? []
    const found = await this.rematches.list(this.database.runner, query.engine ?? null, after, query.limit + 1)
    const shown = await this.show(this.database.runner, found)
    return pageOfRows(
      list,
      shown,
      query.limit,
      ({ id }) => [id],
      (rematch) => rematch,
    )
  }

  /** Throws `not-found`. */
  get(id: string): Promise<Rematch> {
    return this.read(this.database.runner, id)
  }

  /** Matches the fleet once more in the active database. Throws `conflict` when a re-match goes on, or there is nothing to match. */
  async create({ engine, full }: CreateRematch, principal: Principal): Promise<Rematch> {
    return this.database.inTransaction(async (tx) => {
      await this.generations.lockEngine(tx, engine)
      const active = await this.generations.findActive(tx, engine)
      if (active === null) throw new PharosError('conflict', `No database of ${engine} is active.`)
      const running = await this.rematches.lockRunning(tx, engine)
      if (running !== null) throw new PharosError('conflict', `The re-match ${running.id} has not ended yet.`)
      const former = full ? null : await this.generations.findFormer(tx, active)
      const id = await this.planner.begin(tx, {
        engine,
        generationId: active.id,
        judgedGenerationId: active.id,
        narrowedBy: former?.id ?? null,
        cause: 'manual',
        by: principal.id,
      })
      if (id === null) throw new PharosError('conflict', 'No image has a result of this engine that could be matched without a scan.')
      await this.audit.record(tx, principal, { action: 'rematch.create', subject: id, detail: { engine, full } })
      return this.read(tx, id)
    })
  }

  /** Throws `not-found`, and `conflict` when it has ended. */
  async pause(id: string, isPaused: boolean, principal: Principal): Promise<Rematch> {
    return this.database.inTransaction(async (tx) => {
      const isChanged = await this.rematches.pause(tx, id, isPaused)
      const rematch = await this.read(tx, id)
      if (!isChanged) throw new PharosError('conflict', 'This re-match has ended.')
      await this.audit.record(tx, principal, { action: isPaused ? 'rematch.pause' : 'rematch.resume', subject: id, detail: {} })
      return rematch
    })
  }

  private async read(runner: SqlRunner, id: string): Promise<Rematch> {
    const row = await this.rematches.find(runner, id)
    const [rematch] = row === null ? [] : await this.show(runner, [row])
    if (rematch === undefined) throw new PharosError('not-found', 'There is no such re-match.')
    return rematch
  }

  private async show(runner: SqlRunner, found: readonly RematchRow[]): Promise<Rematch[]> {
    const progress = await this.rematches.progress(
      runner,
      found.map(({ id }) => id),
    )
    return found.map((row) => rematchOf(row, progress.get(row.id) ?? nothingYet, this.clock.now()))
  }
}
