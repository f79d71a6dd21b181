import { Injectable } from '@nestjs/common'
import type { KeysetValue } from '../database/keyset.js'
import { rows } from '../database/sql.js'
import { Database } from '../database/transaction.js'
import type { GenerationRow } from './generation-view.js'

/** Reads generations. Their ids sort by the time of their making. */
@Injectable()
export class GenerationsRepository {
  constructor(private readonly database: Database) {}

  async list(
    filter: { engine: string | null; state: string | null; isUnjudged: boolean },
    after: KeysetValue,
    limit: number,
  ): Promise<GenerationRow[]> {
    return rows<GenerationRow>(
      this.database.runner,
      `select * from database_generation where ($1::text is null or engine = $1) and ($2::text is null or state = $2) and ($3::uuid is null or id < $3)
          and (not $5::bool or judged_at is null) order by id desc limit $4`,
      [filter.engine, filter.state, after, limit, filter.isUnjudged],
    )
  }
}
