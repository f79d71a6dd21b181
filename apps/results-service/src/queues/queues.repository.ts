import { Injectable } from '@nestjs/common'
import type { Priority, QueueStatus } from '@pharos/contracts'
import { affected, rows } from '../database/sql.js'
import { Database, type Transaction } from '../database/transaction.js'

@Injectable()
export class QueuesRepository {
  constructor(private readonly database: Database) {}

  /** The lanes with their tasks, in the order of urgency. */
  list(): Promise<QueueStatus[]> {
    return rows(
      this.database.runner,
      `select l.lane, exists (select 1 from pause p where p.kind = 'lane' and p.name = l.lane) as "isPaused",
              coalesce(c.queued, 0) as queued, coalesce(c.running, 0) as running, coalesce(c.retrying, 0) as retrying, coalesce(c.quarantined, 0) as quarantined,
              c.oldest::float8 as "oldestQueuedSeconds"
         from unnest(array['interactive', 'ci', 'background']) with ordinality as l(lane, position)
         left join (
           select priority, count(*) filter (where state = 'queued')::int as queued, count(*) filter (where state = 'running')::int as running,
                  count(*) filter (where state = 'retrying')::int as retrying, count(*) filter (where state = 'quarantined')::int as quarantined,
                  greatest(0, extract(epoch from now() - min(submitted_at) filter (where state = 'queued'))) as oldest
             from scan_task where state in ('queued', 'running', 'retrying', 'quarantined') group by priority
         ) c on c.priority = l.lane
        order by l.position`,
    )
  }

  async pause(tx: Transaction, lane: Priority, by: string): Promise<void> {
    await tx.query(`insert into pause (kind, name, paused_by) values ('lane', $1, $2) on conflict do nothing`, [lane, by])
  }

  resume(tx: Transaction, lane: Priority): Promise<number> {
    return affected(tx, `delete from pause where kind = 'lane' and name = $1`, [lane])
  }
}
