import { Injectable } from '@nestjs/common'
import type { EnricherDescription, EnricherFile, EnricherProblem, EnricherSource, StoredEnricherSet } from '@pharos/contracts'
import { newId } from '../database/identifier.js'
import type { KeysetValue } from '../database/keyset.js'
import { affected, oneRow, rows, type SqlRunner } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'

/** A row of enricher_set but its files. */
export interface EnricherSetRow {
  id: string
  version: number
  hash: string | null
  state: StoredEnricherSet['state']
  label: string | null
  source: EnricherSource | null
  enrichers: EnricherDescription[]
  problems: EnricherProblem[]
  warnings: string[]
  created_at: Date
  created_by: string
  activated_at: Date | null
}

const columns = 'id, version, hash, state, label, source, enrichers, problems, warnings, created_at, created_by, activated_at'

/** What a worker has said of a set. */
export interface CheckedSet {
  readonly hash: string | null
  readonly enrichers: readonly EnricherDescription[]
  readonly problems: readonly EnricherProblem[]
  readonly warnings: readonly string[]
  /** What was fetched from its source. */
  readonly files: readonly EnricherFile[] | null
}

/** Sets of enrichers. */
@Injectable()
export class EnricherSetRepository {
  async create(
    tx: Transaction,
    set: { files: readonly EnricherFile[]; source: EnricherSource | null; label: string | null; by: string },
  ): Promise<string> {
    const id = newId()
    await tx.query(`insert into enricher_set (id, state, label, files, source, created_by) values ($1, 'checking', $2, $3, $4, $5)`, [
      id,
      set.label,
      JSON.stringify(set.files),
      set.source === null ? null : JSON.stringify(set.source),
      set.by,
    ])
    return id
  }

  find(runner: SqlRunner, id: string): Promise<(EnricherSetRow & { files: EnricherFile[] }) | null> {
    return oneRow(runner, `select ${columns}, files from enricher_set where id = $1`, [id])
  }

  lock(tx: Transaction, id: string): Promise<EnricherSetRow | null> {
    return oneRow<EnricherSetRow>(tx, `select ${columns} from enricher_set where id = $1 for update`, [id])
  }

  active(runner: SqlRunner): Promise<EnricherSetRow | null> {
    return oneRow<EnricherSetRow>(runner, `select ${columns} from enricher_set where state = 'active'`)
  }

  /** Newest first. */
  list(runner: SqlRunner, after: KeysetValue, limit: number): Promise<EnricherSetRow[]> {
    return rows<EnricherSetRow>(
      runner,
      `select ${columns} from enricher_set where ($1::int8 is null or version < $1::int8) order by version desc limit $2`,
      [after, limit],
    )
  }

  /** Nothing when it was checked already. */
  async keepCheck(tx: Transaction, id: string, checked: CheckedSet): Promise<void> {
    await tx.query(
      `update enricher_set set state = $2, hash = $3, enrichers = $4, problems = $5, warnings = $6, files = coalesce($7::json, files) where id = $1 and state = 'checking'`,
      [
        id,
        checked.problems.length === 0 ? 'draft' : 'invalid',
        checked.hash,
        JSON.stringify(checked.enrichers),
        JSON.stringify(checked.problems),
        JSON.stringify(checked.warnings),
        checked.files === null ? null : JSON.stringify(checked.files),
      ],
    )
  }

  async activate(tx: Transaction, id: string, at: Date): Promise<void> {
    await tx.query(`update enricher_set set state = 'retired' where state = 'active'`)
    await tx.query(`update enricher_set set state = 'active', activated_at = $2 where id = $1`, [id, at])
  }

  /** Whether a run of the set has not ended. */
  async isAtWork(tx: Transaction, id: string): Promise<boolean> {
    return (await oneRow(tx, 'select 1 from enricher_run where set_id = $1 and ended_at is null limit 1', [id])) !== null
  }

  async remove(tx: Transaction, id: string): Promise<void> {
    await tx.query('delete from enricher_set where id = $1', [id])
  }

  /** Removes the oldest sets that are neither active nor at work, beyond a number of them. Returns how many. */
  removeOld(tx: Transaction, kept: number): Promise<number> {
    return affected(
      tx,
      `delete from enricher_set where id in (
         select s.id from enricher_set s where s.state in ('invalid', 'draft', 'retired') order by s.version desc offset $1)
          and not exists (select from enricher_run r where r.set_id = enricher_set.id and r.ended_at is null)`,
      [kept],
    )
  }
}

export function enricherSetOf(row: EnricherSetRow): StoredEnricherSet {
  return {
    id: row.id,
    version: row.version,
    hash: row.hash ?? '',
    state: row.state,
    label: row.label,
    enrichers: row.enrichers,
    problems: row.problems,
    warnings: row.warnings,
    source: row.source,
    createdAt: row.created_at.toISOString(),
    createdBy: row.created_by,
    activatedAt: row.activated_at?.toISOString() ?? null,
  }
}
