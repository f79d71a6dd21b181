import { Injectable } from '@nestjs/common'
import { EventBody, type LoggedEvent, PharosError } from '@pharos/contracts'
import { affected, oneRow, rows } from '../database/sql.js'
import { afterCommit, Database, type Transaction } from '../database/transaction.js'
import { EventBroadcast } from './event-broadcast.js'

interface EventRow {
  xid: string
  id: string
  at: Date
  body: unknown
}

/**
 * Facts in commit order. A reader sees only rows of transactions older than every running one, ordered by (xid, id): a row
 * that commits late can therefore never appear behind a cursor that has passed it.
 */
@Injectable()
export class EventLog {
  constructor(
    private readonly database: Database,
    private readonly broadcast: EventBroadcast,
  ) {}

  /** Writes events in the transaction that makes them true, and wakes the consumers after its commit. */
  async append(tx: Transaction, events: readonly EventBody[]): Promise<void> {
    if (events.length === 0) return
    await tx.query(
      'insert into event (body) select value from jsonb_array_elements($1::jsonb) with ordinality as e(value, position) order by position',
      [JSON.stringify(events)],
    )
    afterCommit(tx, () => this.broadcast.eventsWritten())
  }

  /** The events behind a consumer's cursor. A consumer seen for the first time begins at the start, or with what comes from now on. */
  async read(consumer: string, limit: number, from: 'start' | 'now'): Promise<LoggedEvent[]> {
    await this.database.runner.query(
      `insert into event_consumer (name, xid, id) values ($1, case when $2 = 'start' then '0'::xid8 else pg_snapshot_xmin(pg_current_snapshot()) end, 0) on conflict (name) do nothing`,
      [consumer, from],
    )
    const found = await rows<EventRow>(
      this.database.runner,
      // The cursor comes from subqueries and not from a join: only then are the months' indexes merged instead of sorted.
      `select e.xid::text as xid, e.id::text as id, e.at, e.body
         from event e
        where (e.xid, e.id) > ((select c.xid from event_consumer c where c.name = $1), (select c.id from event_consumer c where c.name = $1))
          and e.xid < pg_snapshot_xmin(pg_current_snapshot())
        order by e.xid, e.id limit $2`,
      [consumer, limit],
    )
    return found.map((row) => ({ cursor: `${row.xid}.${row.id}`, at: row.at.toISOString(), body: EventBody.parse(row.body) }))
  }

  /** Moves a consumer's cursor on; going back is ignored, so that a repeated or late acknowledgement does no harm. */
  async acknowledge(consumer: string, cursor: string): Promise<void> {
    const [, xid, id] = /^(\d{1,20})\.(\d{1,18})$/.exec(cursor) ?? []
    if (xid === undefined || id === undefined)
      throw new PharosError('cursor-invalid', 'Acknowledge with the cursor of an event that was read.')
    const moved = await affected(
      this.database.runner,
      'update event_consumer set xid = $2::xid8, id = $3, updated_at = now() where name = $1 and (xid, id) < ($2::xid8, $3::bigint)',
      [consumer, xid, id],
    )
    if (moved > 0) return
    const known = await oneRow(this.database.runner, 'select 1 from event_consumer where name = $1', [consumer])
    if (known === null) throw new PharosError('not-found', 'This consumer has never read.')
  }
}
