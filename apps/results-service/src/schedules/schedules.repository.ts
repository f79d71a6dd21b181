import { Injectable } from '@nestjs/common'
import type { Schedule } from '@pharos/contracts'
import { affected, oneRow, rows } from '../database/sql.js'
import { Database, type Transaction } from '../database/transaction.js'

/** A schedule as it is stored. */
export interface ScheduleRow {
  readonly id: string
  readonly kind: Schedule['kind']
  readonly watchId: string | null
  readonly everyMs: number
  readonly isPaused: boolean
  readonly nextRunAt: Date
  readonly lastRunAt: Date | null
  readonly lastOutcome: string | null
}

/** A schedule that was claimed, and when it was due. */
export interface ClaimedRow extends ScheduleRow {
  readonly dueAt: Date
}

const columns = `s.id, s.kind, s.watch_id as "watchId", s.every_ms::float8 as "everyMs", s.is_paused as "isPaused", s.next_run_at as "nextRunAt", s.last_run_at as "lastRunAt", s.last_outcome as "lastOutcome"`

@Injectable()
export class SchedulesRepository {
  constructor(private readonly database: Database) {}

  list(after: string, limit: number): Promise<ScheduleRow[]> {
    return rows(this.database.runner, `select ${columns} from schedule s where s.id > $1 order by s.id limit $2`, [after, limit])
  }

  /**
   * Takes due schedules that nobody holds, and those whose holder died: each goes to one caller. The next run is set at once,
   * so that a run asked for meanwhile (`next_run_at = now()`) is not lost when this one ends.
   */
  claim(
    tx: Transaction,
    claim: { kinds: readonly string[]; limit: number; tokenHash: Buffer; by: string; leaseMs: number },
  ): Promise<ClaimedRow[]> {
    return rows(
      tx,
      `with due as (
         select id, next_run_at, lease_until is not null as is_lapsed from schedule
          where kind = any ($1) and not is_paused and ((lease_until is null and next_run_at <= now()) or lease_until < now())
          order by next_run_at limit $2 for update skip locked
       )
       update schedule s set lease_token_hash = $3, leased_by = $4, lease_until = now() + $5 * interval '1 ms',
              next_run_at = case when due.is_lapsed and s.next_run_at > now() then s.next_run_at else now() + s.every_ms * interval '1 ms' end
         from due where s.id = due.id
       returning ${columns}, least(due.next_run_at, now()) as "dueAt"`,
      [claim.kinds, claim.limit, claim.tokenHash, claim.by, claim.leaseMs],
    )
  }

  /** A schedule that the holder of this token runs, locked; null for anybody else and when the lease has gone to another. */
  lockHeld(tx: Transaction, id: string, tokenHash: Buffer): Promise<ScheduleRow | null> {
    return oneRow(
      tx,
      `select ${columns} from schedule s where s.id = $1 and s.lease_token_hash = $2 and s.lease_until is not null for update`,
      [id, tokenHash],
    )
  }

  /** Ends a run. `nextInMs` overrides the interval once, unless an earlier run was asked for meanwhile. */
  async finish(tx: Transaction, id: string, outcome: string, nextInMs: number | null): Promise<void> {
    await tx.query(
      `update schedule set lease_token_hash = null, lease_until = null, leased_by = null, last_run_at = now(), last_outcome = $2,
              next_run_at = case when $3::float8 is null or next_run_at <= now() then next_run_at else now() + $3 * interval '1 ms' end where id = $1`,
      [id, outcome, nextInMs],
    )
  }

  patch(
    tx: Transaction,
    id: string,
    patch: { everyMs: number | null; isPaused: boolean | null; runNow: boolean },
  ): Promise<ScheduleRow | null> {
    return oneRow(
      tx,
      `update schedule s set every_ms = coalesce($2, every_ms), is_paused = coalesce($3, is_paused),
              next_run_at = case when $4 then now() when $2::bigint is not null then least(next_run_at, now() + $2 * interval '1 ms') else next_run_at end
        where id = $1 returning ${columns}`,
      [id, patch.everyMs, patch.isPaused, patch.runNow],
    )
  }

  /** Makes every schedule of a kind due now. */
  runKindNow(tx: Transaction, kind: Schedule['kind']): Promise<number> {
    return affected(tx, 'update schedule set next_run_at = now() where kind = $1', [kind])
  }
}
