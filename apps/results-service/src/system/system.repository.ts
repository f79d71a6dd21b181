import { Injectable } from '@nestjs/common'
import type { SystemStatus } from '@pharos/contracts'
import { rows } from '../database/sql.js'
import { Database } from '../database/transaction.js'

const tables = { images: 'image', packages: 'package', openFindings: 'finding', tasks: 'scan_task' } as const
/** Up to this many rows are counted; beyond, the statistics are near enough. */
const countedLimit = 50_000

@Injectable()
export class SystemRepository {
  constructor(private readonly database: Database) {}

  /** Rows of the large tables: counted while they are small, estimated from the statistics later. */
  async counts(): Promise<SystemStatus['counts']> {
    const counts = { images: 0, packages: 0, openFindings: 0, tasks: 0 }
    for (const name of Object.keys(tables) as (keyof typeof tables)[]) {
      const table = tables[name]
      const [estimate] = await rows<{ count: number }>(this.database.runner, 'select greatest(reltuples, 0)::float8 as count from pg_class where oid = to_regclass($1)', [table])
      const isLarge = (estimate?.count ?? 0) > countedLimit
      const [exact] = isLarge ? [estimate] : await rows<{ count: number }>(this.database.runner, `select count(*)::float8 as count from (select 1 from ${table} limit ${2 * countedLimit}) as some`)
      counts[name] = Math.round(exact?.count ?? 0)
    }
    return counts
  }
}
