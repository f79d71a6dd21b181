import { Injectable } from '@nestjs/common'
import { rows } from '../database/sql.js'
import { Database } from '../database/transaction.js'

/** An entry as it is stored. */
export interface AuditRow {
  readonly id: string
  readonly at: Date
  readonly principal: string
  readonly action: string
  readonly subject: string
  readonly detail: Record<string, unknown>
}

@Injectable()
export class AuditRepository {
  constructor(private readonly database: Database) {}

  /** Entries before an id, newest first. */
  list(filter: { action: string | null; principal: string | null; before: string | null; limit: number }): Promise<AuditRow[]> {
    return rows(
      this.database.runner,
      `select id::text as id, at, principal, action, subject, detail from audit_event
        where ($1::text is null or action = $1) and ($2::text is null or principal = $2) and ($3::bigint is null or id < $3) order by id desc limit $4`,
      [filter.action, filter.principal, filter.before, filter.limit],
    )
  }
}
