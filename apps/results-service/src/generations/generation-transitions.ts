import { Injectable } from '@nestjs/common'
import { type EngineName, PharosError } from '@pharos/contracts'
import { oneRow, rows, type SqlRunner } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { EventLog } from '../events/event-log.js'
import type { GenerationRow } from './generation-view.js'

/** What an engine said of a candidate that it accepts. */
export interface Judgement {
  readonly schemaVersion: string | null
  readonly builtAt: Date | null
  readonly isSample: boolean
  readonly allowOlder: boolean
}

/**
 * The states of generations: uploading -> candidate -> matching -> active -> retired, or refused. `matching` is left out where there is
 * nothing to match again. All but the archive's upload happens under the lock of the engine.
 */
@Injectable()
export class GenerationTransitions {
  constructor(private readonly events: EventLog) {}

  /** One generation of an engine changes its state at a time. Taken before the row of a re-match. */
  async lockEngine(tx: Transaction, engine: string): Promise<void> {
    await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`generation ${engine}`])
  }

  find(runner: SqlRunner, id: string): Promise<GenerationRow | null> {
    return oneRow<GenerationRow>(runner, 'select * from database_generation where id = $1', [id])
  }

  findActive(runner: SqlRunner, engine: string): Promise<GenerationRow | null> {
    return oneRow<GenerationRow>(runner, `select * from database_generation where engine = $1 and state = 'active'`, [engine])
  }

  /** The generation that was active before this one; null when there was none. */
  findFormer(runner: SqlRunner, generation: GenerationRow): Promise<GenerationRow | null> {
    return oneRow<GenerationRow>(
      runner,
      `select * from database_generation where engine = $1 and state = 'retired' and activated_at < $2 order by activated_at desc limit 1`,
      [generation.engine, generation.activated_at],
    )
  }

  /** Candidates that their engine has accepted, the newest database first. */
  accepted(tx: Transaction, engine: EngineName): Promise<GenerationRow[]> {
    return rows<GenerationRow>(
      tx,
      `select * from database_generation where engine = $1 and state = 'candidate' and judged_at is not null order by built_at desc nulls last, id desc`,
      [engine],
    )
  }

  /** The newest database that has come in and is not judged yet; null when there is none. */
  newestUnjudged(runner: SqlRunner, engine: EngineName): Promise<GenerationRow | null> {
    return oneRow<GenerationRow>(
      runner,
      `select * from database_generation where engine = $1 and state = 'candidate' and judged_at is null and has_archive order by id desc limit 1`,
      [engine],
    )
  }

  /** Keeps what the engine said; the candidate waits for its turn. */
  async accept(tx: Transaction, id: string, judgement: Judgement): Promise<void> {
    await tx.query(
      `update database_generation set judged_at = clock_timestamp(), schema_version = $2, built_at = $3, is_sample = $4, allow_older = allow_older or $5 where id = $1`,
      [id, judgement.schemaVersion, judgement.builtAt, judgement.isSample, judgement.allowOlder],
    )
  }

  async beginMatching(tx: Transaction, id: string): Promise<void> {
    await tx.query(`update database_generation set state = 'matching' where id = $1`, [id])
  }

  async activate(tx: Transaction, { id, engine }: Pick<GenerationRow, 'id' | 'engine'>): Promise<void> {
    await tx.query(
      `update database_generation set state = 'retired', retired_at = clock_timestamp() where engine = $1 and state = 'active'`,
      [engine],
    )
    // The time of the statement: what was tried while the transaction waited was tried before.
    await tx.query(
      `update database_generation set state = 'active', activated_at = date_trunc('milliseconds', clock_timestamp()) where id = $1`,
      [id],
    )
    await this.events.append(tx, [{ type: 'database.activated', generationId: id, engine }])
  }

  async refuse(tx: Transaction, { id, engine }: Pick<GenerationRow, 'id' | 'engine'>, problem: string): Promise<void> {
    await tx.query(
      `update database_generation set state = 'refused', problem = $2, retired_at = clock_timestamp(), has_archive = false where id = $1`,
      [id, problem],
    )
    await tx.query('delete from generation_chunk where key = $1', [id])
    await this.events.append(tx, [{ type: 'database.refused', generationId: id, engine, problem }])
  }
}

/** The row, or `not-found`. */
export function requireGeneration(row: GenerationRow | null): GenerationRow {
  if (row === null) throw new PharosError('not-found', 'There is no such generation.')
  return row
}
