import { Injectable } from '@nestjs/common'
import { affected } from '../database/sql.js'
import { Database } from '../database/transaction.js'

const batch = 5000

/** Removes what has had its time, some thousand rows a statement, so that nothing is locked for long. */
@Injectable()
export class ExpiryRepository {
  constructor(private readonly database: Database) {}

  endedTasks(ageMs: number): Promise<number> {
    return this.repeat(
      `delete from scan_task where id in (select id from scan_task where ended_at < now() - $1 * interval '1 ms' limit ${batch} for update skip locked)`,
      ageMs,
    )
  }

  endedRuns(ageMs: number): Promise<number> {
    return this.repeat(
      `delete from scan_run where id in (select id from scan_run where ended_at < now() - $1 * interval '1 ms' limit ${batch} for update skip locked)`,
      ageMs,
    )
  }

  revokedTokens(ageMs: number): Promise<number> {
    return this.repeat(
      `delete from api_token where id in (select id from api_token where least(revoked_at, expires_at) < now() - $1 * interval '1 ms' limit ${batch})`,
      ageMs,
    )
  }

  idempotencyKeys(ageMs: number): Promise<number> {
    return this.repeat(
      `delete from idempotency_key where (principal, route, key) in (select principal, route, key from idempotency_key where created_at < now() - $1 * interval '1 ms' limit ${batch})`,
      ageMs,
    )
  }

  auditEntries(ageMs: number): Promise<number> {
    return this.repeat(
      `delete from audit_event where id in (select id from audit_event where at < now() - $1 * interval '1 ms' order by at limit ${batch})`,
      ageMs,
    )
  }

  workers(ageMs: number): Promise<number> {
    return this.repeat(`delete from worker where last_seen_at < now() - $1 * interval '1 ms'`, ageMs)
  }

  crashCounts(ageMs: number): Promise<number> {
    return this.repeat(`delete from crash_count where last_at < now() - $1 * interval '1 ms'`, ageMs)
  }

  /** Posted SBOMs that no task names any more. */
  postedSboms(ageMs: number): Promise<number> {
    return this.repeat(
      `delete from posted_sbom s where created_at < now() - $1 * interval '1 ms' and not exists (select 1 from scan_task t where t.sbom_digest = s.digest)`,
      ageMs,
    )
  }

  private async repeat(sql: string, ageMs: number): Promise<number> {
    let total = 0
    for (let removed = batch; removed === batch; ) {
      removed = await affected(this.database.runner, sql, [ageMs])
      total += removed
    }
    return total
  }
}
