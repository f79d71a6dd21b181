import { Injectable } from '@nestjs/common'
import type { EngineName, RematchReport } from '@pharos/contracts'
import { newId } from '../database/identifier.js'
import type { KeysetValue } from '../database/keyset.js'
import { affected, oneRow, rows, type SqlRunner } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import type { RematchProgressRow, RematchRow } from './rematch-view.js'

/** A re-match to be begun. */
export interface NewRematch {
  readonly engine: EngineName
  readonly generationId: string
  readonly formerGenerationId: string | null
  readonly cause: 'database' | 'manual'
  readonly isNarrowed: boolean
  readonly baseEngineVersion: string | null
  readonly lastVulnerabilityId: number
  /** Id of a principal. */
  readonly by: string
}

const stagingTables = ['rematch_unit', 'rematch_match', 'rematch_gone', 'rematch_vulnerability', 'rematch_score'] as const

/** Rows of re-matches. */
@Injectable()
export class RematchStore {
  async create(tx: Transaction, input: NewRematch): Promise<string> {
    const id = newId()
    await tx.query(
      `insert into rematch (id, engine, generation_id, former_generation_id, cause, state, is_narrowed, base_engine_version, last_vulnerability_id, created_by)
       values ($1, $2, $3, $4, $5, 'preparing', $6, $7, $8, $9)`,
      [
        id,
        input.engine,
        input.generationId,
        input.formerGenerationId,
        input.cause,
        input.isNarrowed,
        input.baseEngineVersion,
        input.lastVulnerabilityId,
        input.by,
      ],
    )
    return id
  }

  find(runner: SqlRunner, id: string): Promise<RematchRow | null> {
    return oneRow<RematchRow>(runner, 'select * from rematch where id = $1', [id])
  }

  /** Locks the re-match of an engine that has not ended; null when there is none. */
  lockRunning(tx: Transaction, engine: EngineName): Promise<RematchRow | null> {
    return oneRow<RematchRow>(tx, 'select * from rematch where engine = $1 and ended_at is null for update', [engine])
  }

  lock(tx: Transaction, id: string): Promise<RematchRow | null> {
    return oneRow<RematchRow>(tx, 'select * from rematch where id = $1 for update', [id])
  }

  /** Holds off its end, while results come in. */
  share(tx: Transaction, id: string): Promise<RematchRow | null> {
    return oneRow<RematchRow>(tx, 'select * from rematch where id = $1 for share', [id])
  }

  /** Newest first. */
  list(runner: SqlRunner, engine: string | null, after: KeysetValue, limit: number): Promise<RematchRow[]> {
    return rows<RematchRow>(
      runner,
      'select * from rematch where ($1::text is null or engine = $1) and ($2::uuid is null or id < $2) order by id desc limit $3',
      [engine, after, limit],
    )
  }

  /** Progress by id. The staged packages of a re-match that has ended are gone: its report tells of them. */
  async progress(runner: SqlRunner, ids: readonly string[]): Promise<Map<string, RematchProgressRow>> {
    const found = await rows<RematchProgressRow & { id: string }>(
      runner,
      `select r.id, c.*, u.* from rematch r
         cross join lateral (select count(*)::int as chunks, count(*) filter (where state <> 'open')::int as ended, count(*) filter (where state = 'failed')::int as failed,
                                    coalesce(sum(described), 0)::int as described from rematch_chunk where rematch_id = r.id) c
         cross join lateral (select count(*) filter (where state = 1)::int as matched, count(*) filter (where state = 2)::int + r.skipped_packages as skipped,
                                    count(*) filter (where state = 3)::int as failed_units from rematch_unit where rematch_id = r.id) u
        where r.id = any ($1::uuid[])`,
      [ids],
    )
    return new Map(found.map((row) => [row.id, row]))
  }

  /** Pauses it, or lets it go on. Returns whether it had not ended. */
  async pause(tx: Transaction, id: string, isPaused: boolean): Promise<boolean> {
    // Nobody could take its chunks meanwhile: they are not given up for that.
    await tx.query(`update rematch_chunk set touched_at = clock_timestamp() where rematch_id = $1 and state = 'open'`, [id])
    return (await affected(tx, 'update rematch set is_paused = $2 where id = $1 and ended_at is null', [id, isPaused])) > 0
  }

  /** Whether anything has come in: then it is finished, and not given up for a newer database. */
  async hasStaged(tx: Transaction, id: string): Promise<boolean> {
    const row = await oneRow<{ staged: boolean }>(
      tx,
      `select exists (select from rematch_unit where rematch_id = $1) or exists (select from rematch_chunk where rematch_id = $1 and state <> 'open' and kind <> 'difference') as staged`,
      [id],
    )
    return row?.staged ?? false
  }

  /** What both databases differ in has chosen the packages; `skipped` are left out. */
  async markCompared(tx: Transaction, id: string, chosen: { keysVersion: string; skipped: number }): Promise<void> {
    await tx.query('update rematch set keys_version = $2, skipped_packages = $3, compared_at = clock_timestamp() where id = $1', [
      id,
      chosen.keysVersion,
      chosen.skipped,
    ])
  }

  /** Whether its difference was given up, and nothing stands in its place. */
  async isUncompared(tx: Transaction, id: string): Promise<boolean> {
    const row = await oneRow<{ uncompared: boolean }>(
      tx,
      `select is_narrowed and keys_version is null and not exists (select from rematch_chunk c where c.rematch_id = r.id and (c.kind <> 'difference' or c.state = 'open')) as uncompared
         from rematch r where id = $1`,
      [id],
    )
    return row?.uncompared ?? false
  }

  /** Every package is matched. */
  async widen(tx: Transaction, id: string): Promise<void> {
    await tx.query('update rematch set is_narrowed = false where id = $1', [id])
  }

  /** Ends it, and removes what it had prepared. */
  async end(tx: Transaction, id: string, state: 'done' | 'abandoned', outcome: { report: RematchReport | null; problem: string | null }) {
    await tx.query(
      `update rematch set state = $2, report = coalesce($3::json, report), problem = coalesce($4, problem), is_paused = false, ended_at = clock_timestamp() where id = $1`,
      [id, state, outcome.report === null ? null : JSON.stringify(outcome.report), outcome.problem],
    )
    for (const table of stagingTables) await tx.query(`delete from ${table} where rematch_id = $1`, [id])
    await tx.query(`update rematch_chunk set ids = '{}', token_hash = null, lease_until = null where rematch_id = $1`, [id])
  }
}
