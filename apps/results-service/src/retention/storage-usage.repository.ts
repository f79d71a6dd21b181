import { Injectable } from '@nestjs/common'
import { oneRow, rows } from '../database/sql.js'
import { Database } from '../database/transaction.js'

/** A table with all that belongs to it; a month of a partitioned one goes by that one's name. */
export interface TableSize {
  readonly name: string
  readonly bytes: number
}

/** Reads how large things are. */
@Injectable()
export class StorageUsageRepository {
  constructor(private readonly database: Database) {}

  async tables(): Promise<TableSize[]> {
    const found = await rows<{ name: string; bytes: string }>(
      this.database.runner,
      `select coalesce(p.relname, c.relname) as name, sum(pg_total_relation_size(c.oid)) as bytes
         from pg_class c left join pg_inherits h on h.inhrelid = c.oid left join pg_class p on p.oid = h.inhparent
        where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r' group by 1 order by 1`,
    )
    return found.map(({ name, bytes }) => ({ name, bytes: Number(bytes) }))
  }

  async images(): Promise<number> {
    const row = await oneRow<{ count: number }>(this.database.runner, 'select count(*)::int as count from image')
    return row?.count ?? 0
  }
}
