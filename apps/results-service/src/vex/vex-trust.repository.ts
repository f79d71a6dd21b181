import { Injectable } from '@nestjs/common'
import type { VexTrustRule } from '@pharos/contracts'
import { oneRow } from '../database/sql.js'
import { Database, type Transaction } from '../database/transaction.js'

export interface VexTrustRow {
  rules: VexTrustRule[]
  version: number
  updated_by: string
  updated_at: Date
}

/** The trust rules that were set. */
@Injectable()
export class VexTrustRepository {
  constructor(private readonly database: Database) {}

  /** null as long as nobody has set any. */
  async find(): Promise<VexTrustRow | null> {
    return oneRow<VexTrustRow>(this.database.runner, 'select rules, version, updated_by, updated_at from vex_trust')
  }

  /** To be called under the lock that keeps others from changing them. */
  async versionOf(tx: Transaction): Promise<number> {
    return (await oneRow<{ version: number }>(tx, 'select version from vex_trust'))?.version ?? 0
  }

  async put(tx: Transaction, rules: readonly VexTrustRule[], by: string, at: Date): Promise<void> {
    await tx.query(
      `insert into vex_trust (rules, version, updated_by, updated_at) values ($1, 1, $2, $3)
       on conflict (only_row) do update set rules = excluded.rules, version = vex_trust.version + 1, updated_by = excluded.updated_by, updated_at = excluded.updated_at`,
      [JSON.stringify(rules), by, at],
    )
  }
}
