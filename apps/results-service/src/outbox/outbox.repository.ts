import { Injectable } from '@nestjs/common'
import type { Priority } from '@pharos/contracts'
import { affected, oneRow, rows } from '../database/sql.js'
import { Database, type Transaction } from '../database/transaction.js'

/** An attempt that waits for a worker. */
export interface WaitingAttempt {
  readonly id: string
  readonly taskId: string
  readonly attempt: number
  readonly lane: Priority
  readonly delayMs: number
  readonly trace: Record<string, string> | null
  /** Background work that has waited its longest time. */
  readonly isAged: boolean
}

// The clock, not the start of the transaction: a row may have been committed after that, and would count as not yet due.
const columns = `o.id::text as id, o.task_id as "taskId", o.attempt, o.lane, greatest(0, extract(epoch from o.due_at - clock_timestamp()) * 1000)::int as "delayMs", o.trace`

/** The outbox: one row for each attempt that no worker has claimed yet. */
@Injectable()
export class OutboxRepository {
  constructor(private readonly database: Database) {}

  /** Rows to relay that no other replica is relaying; interactive ones first, none of a paused lane or cohort. */
  takeUnrelayed(tx: Transaction, limit: number, longestWaitMs: number): Promise<WaitingAttempt[]> {
    return rows(
      tx,
      `select ${columns}, (o.lane = 'background' and o.due_at < now() - $2 * interval '1 ms') as "isAged"
         from outbox o
        where o.relayed_at is null
          and not exists (select 1 from pause p where (p.kind = 'lane' and p.name = o.lane) or (p.kind = 'cohort' and p.name = o.cohort))
        order by o.lane <> 'interactive', o.id limit $1 for update of o skip locked`,
      [limit, longestWaitMs],
    )
  }

  async markRelayed(tx: Transaction, found: readonly WaitingAttempt[]): Promise<void> {
    await tx.query(
      'update outbox o set relayed_at = now(), is_aged = o.is_aged or r.is_aged from unnest($1::bigint[], $2::boolean[]) as r(id, is_aged) where o.id = r.id',
      [found.map((row) => row.id), found.map((row) => row.isAged)],
    )
  }

  /** Background rows in Redis that have waited their longest time; they are marked, so that each is found once. */
  takeAged(tx: Transaction, longestWaitMs: number, limit: number): Promise<WaitingAttempt[]> {
    return rows(
      tx,
      `update outbox o set is_aged = true
        where o.id in (select id from outbox where lane = 'background' and not is_aged and relayed_at is not null and due_at < now() - $1 * interval '1 ms' order by due_at limit $2 for update skip locked)
        returning ${columns}, true as "isAged"`,
      [longestWaitMs, limit],
    )
  }

  /** Rows that were relayed a while ago and are still unclaimed, the oldest first. */
  relayedBefore(ageMs: number, limit: number): Promise<WaitingAttempt[]> {
    return rows(
      this.database.runner,
      `select ${columns}, o.is_aged as "isAged" from outbox o where o.relayed_at < now() - $1 * interval '1 ms' and o.due_at <= now() order by o.relayed_at limit $2`,
      [ageMs, limit],
    )
  }

  /** Has rows relayed again. */
  async forgetRelay(ids: readonly string[]): Promise<void> {
    await this.database.runner.query('update outbox set relayed_at = null where id = any($1::bigint[])', [ids])
  }

  /** Moves rows that were found in Redis to the end of the line of `relayedBefore`. */
  async confirmRelay(ids: readonly string[]): Promise<void> {
    await this.database.runner.query('update outbox set relayed_at = now() where id = any($1::bigint[]) and relayed_at is not null', [ids])
  }

  /** Has everything relayed again, because Redis has lost it. */
  forgetAllRelays(tx: Transaction): Promise<number> {
    return affected(tx, 'update outbox set relayed_at = null where relayed_at is not null')
  }

  /** The epoch that Redis should hold. `share` keeps it from changing while jobs are relayed under it. */
  async epoch(tx: Transaction, lock: 'share' | 'update'): Promise<string> {
    const row = await oneRow<{ epoch: string }>(
      tx,
      `select epoch::text as epoch from redis_epoch for ${lock === 'share' ? 'share' : 'update'}`,
    )
    return row?.epoch ?? ''
  }

  async setEpoch(tx: Transaction, epoch: string): Promise<void> {
    await tx.query('update redis_epoch set epoch = $1', [epoch])
  }
}
