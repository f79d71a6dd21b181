import { Injectable } from '@nestjs/common'
import { affected, oneRow } from '../database/sql.js'
import { Database } from '../database/transaction.js'

/** What history keeps apart from the months of `finding_event`, as in the counts of retention. */
export type HistoryKind = 'endedReferences' | 'endedWorkloads' | 'packageChanges' | 'closedFindings'

const sources: Readonly<Record<HistoryKind, { table: string; condition: string }>> = {
  // The last one that led from a repository to an image is what makes it visible to those who see that repository.
  endedReferences: {
    table: 'image_reference',
    condition: `r.until < $1 and r.until is not null and exists (select from image_reference o
      where o.image_id = r.image_id and o.repository = r.repository and (coalesce(o.until, 'infinity'), o.id) > (r.until, r.id))`,
  },
  endedWorkloads: { table: 'workload', condition: 'r.until < $1 and r.until is not null' },
  packageChanges: { table: 'image_package_event', condition: 'r.at < $1' },
  // One that somebody has decided on stays with its decision: it may come back.
  closedFindings: {
    table: 'finding',
    condition: 'not r.is_open and r.last_seen_at < $1 and not exists (select from finding_decision d where d.finding_id = r.id)',
  },
}

/** Removes what ended before the horizon of history. */
@Injectable()
export class HistoryRetentionRepository {
  constructor(private readonly database: Database) {}

  /** Removes at most `limit` rows and returns how many. */
  remove(kind: HistoryKind, before: Date, limit: number): Promise<number> {
    const { table, condition } = sources[kind]
    return affected(
      this.database.runner,
      `delete from ${table} where ctid = any (array(select r.ctid from ${table} r where ${condition} limit $2 for update skip locked))`,
      [before, limit],
    )
  }

  async count(kind: HistoryKind, before: Date): Promise<number> {
    const { table, condition } = sources[kind]
    const row = await oneRow<{ count: number }>(this.database.runner, `select count(*)::int as count from ${table} r where ${condition}`, [
      before,
    ])
    return row?.count ?? 0
  }
}
