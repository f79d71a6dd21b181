import { Injectable } from '@nestjs/common'
import {
  type ClaimSchedules,
  type ClaimedSchedule,
  type FinishSchedule,
  type PatchSchedule,
  PharosError,
  type Principal,
  type Schedule,
} from '@pharos/contracts'
import type { z } from 'zod'
import { hashToken, issueToken } from '../attempts/attempt-token.js'
import { AuditLog } from '../audit/audit-log.js'
import { decodeCursor, type Page, pageOfRows } from '../database/keyset.js'
import { Database, type Transaction } from '../database/transaction.js'
import { WatchTargets } from '../watches/watch-targets.js'
import { type ScheduleRow, SchedulesRepository } from './schedules.repository.js'

const leaseMs = 5 * 60_000
const list = { list: 'schedules', sort: 'id' }

/** What happens because time passes: due schedules go to one scheduler each, under a lease. */
@Injectable()
export class SchedulesService {
  constructor(
    private readonly database: Database,
    private readonly schedules: SchedulesRepository,
    private readonly watches: WatchTargets,
    private readonly audit: AuditLog,
  ) {}

  async list(query: { limit: number; cursor?: string | undefined }): Promise<Page<Schedule>> {
    const [after] = decodeCursor(list, query.cursor, ['text']) ?? ['']
    return pageOfRows(list, await this.schedules.list(String(after), query.limit + 1), query.limit, (row) => [row.id], toSchedule)
  }

  patch(id: string, patch: PatchSchedule, principal: Principal): Promise<Schedule> {
    return this.database.inTransaction(async (tx) => {
      const row = await this.schedules.patch(tx, id, {
        everyMs: patch.everySeconds === undefined ? null : Math.round(patch.everySeconds * 1000),
        isPaused: patch.isPaused ?? null,
        runNow: patch.runNow ?? false,
      })
      if (row === null) throw new PharosError('not-found', `There is no schedule ${id}.`)
      await this.audit.record(tx, principal, { action: 'schedule.update', subject: id, detail: { ...patch } })
      return toSchedule(row)
    })
  }

  /** Has the databases looked for now. */
  updateDatabases(principal: Principal): Promise<number> {
    return this.database.inTransaction(async (tx) => {
      const affected = await this.schedules.runKindNow(tx, 'database-update')
      await this.audit.record(tx, principal, { action: 'database.update', subject: 'feed' })
      return affected
    })
  }

  /** Gives due schedules to a scheduler; a watch comes with its repository and access to its registry. */
  claim(request: z.infer<typeof ClaimSchedules>): Promise<ClaimedSchedule[]> {
    return this.database.inTransaction(async (tx) => {
      const { token, hash } = issueToken()
      const claimed = await this.schedules.claim(tx, {
        kinds: request.kinds,
        limit: request.limit,
        tokenHash: hash,
        by: request.schedulerId,
        leaseMs,
      })
      const items: ClaimedSchedule[] = []
      for (const row of claimed) {
        const watch = row.watchId === null ? null : await this.watches.targetOf(tx, row.watchId)
        // A watch whose stored credential cannot be opened says so and is tried again at its next time.
        if (watch !== null && 'problem' in watch) await this.schedules.finish(tx, row.id, watch.problem, null)
        else items.push({ schedule: toSchedule(row), leaseToken: token, leaseMs, dueAt: row.dueAt.toISOString(), watch })
      }
      return items
    })
  }

  /** Ends a claimed run. */
  finish(id: string, request: FinishSchedule): Promise<void> {
    return this.database.inTransaction(async (tx) => {
      await this.requireHeld(tx, id, request.leaseToken)
      const outcome = request.isFailure ? `failed: ${request.outcome}` : request.outcome
      await this.schedules.finish(
        tx,
        id,
        outcome.slice(0, 500),
        request.nextRunInSeconds === undefined ? null : request.nextRunInSeconds * 1000,
      )
    })
  }

  /** Takes what a scheduler saw of a watch that it holds. */
  observed(id: string, leaseToken: string, work: (tx: Transaction, watchId: string) => Promise<number>): Promise<number> {
    return this.database.inTransaction(async (tx) => {
      const { watchId } = await this.requireHeld(tx, id, leaseToken)
      if (watchId === null) throw new PharosError('conflict', `The schedule ${id} watches nothing.`)
      return work(tx, watchId)
    })
  }

  private async requireHeld(tx: Transaction, id: string, leaseToken: string): Promise<ScheduleRow> {
    const row = await this.schedules.lockHeld(tx, id, hashToken(leaseToken))
    if (row === null)
      throw new PharosError('attempt-superseded', 'The lease of this schedule has gone to another, or the token is not its own.')
    return row
  }
}

function toSchedule(row: ScheduleRow): Schedule {
  return {
    id: row.id,
    kind: row.kind,
    subject: row.watchId,
    everySeconds: row.everyMs / 1000,
    isPaused: row.isPaused,
    nextRunAt: row.nextRunAt.toISOString(),
    lastRunAt: row.lastRunAt?.toISOString() ?? null,
    lastOutcome: row.lastOutcome,
  }
}
