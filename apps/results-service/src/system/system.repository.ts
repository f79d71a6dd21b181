import { Injectable } from '@nestjs/common'
import type { SystemStatus } from '@pharos/contracts'
import { oneRow } from '../database/sql.js'
import { Database } from '../database/transaction.js'

const tables = { images: 'image', packages: 'package', tasks: 'scan_task' } as const
/** Up to this many rows are counted; beyond, the statistics are near enough. */
const countedLimit = 50_000

@Injectable()
export class SystemRepository {
  constructor(private readonly database: Database) {}

  /** Rows of the large tables: counted while they are small, estimated from the statistics later. Findings come from the summaries. */
  async counts(): Promise<SystemStatus['counts']> {
    const findings = await oneRow<{ count: number }>(
      this.database.runner,
      'select coalesce(sum(critical + high + medium + low + negligible + unknown), 0)::float8 as count from image_summary',
    )
    return {
      images: await this.count(tables.images),
      packages: await this.count(tables.packages),
      tasks: await this.count(tables.tasks),
      openFindings: Math.round(findings?.count ?? 0),
    }
  }

  private async count(table: (typeof tables)[keyof typeof tables]): Promise<number> {
    const estimate = await oneRow<{ count: number }>(
      this.database.runner,
      'select greatest(reltuples, 0)::float8 as count from pg_class where oid = to_regclass($1)',
      [table],
    )
    if ((estimate?.count ?? 0) > countedLimit) return Math.round(estimate?.count ?? 0)
    const exact = await oneRow<{ count: number }>(
      this.database.runner,
      `select count(*)::int as count from (select 1 from ${table} limit ${2 * countedLimit}) as counted`,
    )
    return exact?.count ?? 0
  }
}
