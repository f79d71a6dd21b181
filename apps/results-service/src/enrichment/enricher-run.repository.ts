import { Injectable } from '@nestjs/common'
import type { ContextDifference, EnricherRun, ScriptFailure } from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { newId } from '../database/identifier.js'
import type { KeysetValue } from '../database/keyset.js'
import { affected, oneRow, rows, type SqlRunner } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { jsonArray, plainArray, textArray } from '../ingest/array-parameter.js'
import { originalText } from '../inventory/stored-text.js'
import { visible } from '../inventory/visibility.js'
import { subjectKinds } from './due-subjects.js'

/** A row of enricher_run with the version of its set. */
export interface EnricherRunRow {
  id: string
  kind: EnricherRun['kind']
  set_id: string
  set_version: number
  former_set_id: string | null
  state: EnricherRun['state']
  total: number
  done: number
  failed: number
  added: number
  changed: number
  removed: number
  unchanged: number
  errors: number
  problem: string | null
  resumed_at: Date
  done_before: number
  started_at: Date
  started_by: string
  ended_at: Date | null
}

/** What a delivery adds to a run's numbers. */
export interface RunProgress {
  readonly done: number
  readonly failed: number
  readonly added: number
  readonly changed: number
  readonly removed: number
  readonly unchanged: number
  readonly errors: number
}

export interface NewDifference {
  readonly subject: number
  readonly owner: string
  readonly kind: ContextDifference['kind']
  readonly before: unknown
  readonly after: unknown
  readonly error: unknown
}

export interface DifferenceRow {
  id: string
  digest: string
  key: string
  owner: string
  kind: ContextDifference['kind']
  before: Record<string, unknown> | null
  after: Record<string, unknown> | null
  error: ScriptFailure | null
}

const selectRuns = 'select r.*, s.version as set_version from enricher_run r join enricher_set s on s.id = r.set_id'

/** Differences of a run that are kept; its numbers count all. */
const differenceLimit = 10_000

/** Runs of sets over the fleet. */
@Injectable()
export class EnricherRunRepository {
  /** Begins a run over all subjects; an activation leaves out those whose contexts the set has made already. */
  async begin(tx: Transaction, run: { kind: EnricherRun['kind']; setId: string; formerSetId: string | null; by: string }): Promise<string> {
    const id = newId()
    await tx.query(`insert into enricher_run (id, kind, set_id, former_set_id, state, started_by) values ($1, $2, $3, $4, 'running', $5)`, [
      id,
      run.kind,
      run.setId,
      run.formerSetId,
      run.by,
    ])
    const total = await affected(
      tx,
      `with made as (
         insert into enrichment_work (subject_id, run_id) select s.id, $1::uuid from enrichment_subject s
          where $2 = 'compare' or s.set_id is distinct from $3::uuid or s.problem is not null order by s.image_id, s.id returning 1)
       update enricher_run set total = (select count(*) from made) where id = $1::uuid returning total`,
      [id, run.kind, run.setId],
    )
    if (total !== 1) throw new Error('a run was not begun')
    return id
  }

  find(runner: SqlRunner, id: string): Promise<EnricherRunRow | null> {
    return oneRow<EnricherRunRow>(runner, `${selectRuns} where r.id = $1`, [id])
  }

  lock(tx: Transaction, id: string): Promise<EnricherRunRow | null> {
    return oneRow<EnricherRunRow>(tx, `${selectRuns} where r.id = $1 for update of r`, [id])
  }

  activation(runner: SqlRunner): Promise<EnricherRunRow | null> {
    return oneRow<EnricherRunRow>(runner, `${selectRuns} where r.kind = 'activate' and r.ended_at is null`)
  }

  /** Newest first. */
  list(runner: SqlRunner, after: KeysetValue, limit: number): Promise<EnricherRunRow[]> {
    return rows<EnricherRunRow>(runner, `${selectRuns} where ($1::uuid is null or r.id < $1) order by r.id desc limit $2`, [after, limit])
  }

  /** Pauses a run or lets it go on; the pace is measured anew. Returns whether it had not ended. */
  async steer(tx: Transaction, id: string, state: 'running' | 'paused'): Promise<boolean> {
    return (
      (await affected(
        tx,
        'update enricher_run set state = $2, resumed_at = clock_timestamp(), done_before = done where id = $1 and ended_at is null',
        [id, state],
      )) > 0
    )
  }

  /** Ends a run; what it has not done is left. Chunks of it are another's business. */
  async end(tx: Transaction, id: string, state: 'done' | 'cancelled', problem: string | null): Promise<boolean> {
    const ended = await affected(
      tx,
      'update enricher_run set state = $2, problem = coalesce($3, problem), ended_at = clock_timestamp() where id = $1 and ended_at is null',
      [id, state, problem],
    )
    await tx.query('delete from enrichment_work where run_id = $1', [id])
    return ended > 0
  }

  /** Runs that have nothing left to do. */
  async endFinished(tx: Transaction): Promise<string[]> {
    const found = await rows<{ id: string }>(
      tx,
      `update enricher_run r set state = 'done', ended_at = clock_timestamp()
        where r.ended_at is null and r.state = 'running' and not exists (select from enrichment_work w where w.run_id = r.id) returning id`,
    )
    return found.map(({ id }) => id)
  }

  /** Removes runs that ended longer ago, with their differences. */
  async removeOld(tx: Transaction, ageMs: number): Promise<void> {
    await tx.query(`delete from enricher_run where ended_at < clock_timestamp() - $1 * interval '1 ms'`, [ageMs])
  }

  async add(tx: Transaction, id: string, progress: RunProgress): Promise<void> {
    await tx.query(
      `update enricher_run set done = done + $2, failed = failed + $3, added = added + $4, changed = changed + $5, removed = removed + $6, unchanged = unchanged + $7,
              errors = errors + $8 where id = $1`,
      [id, progress.done, progress.failed, progress.added, progress.changed, progress.removed, progress.unchanged, progress.errors],
    )
  }

  async keepDifferences(tx: Transaction, id: string, differences: readonly NewDifference[]): Promise<void> {
    if (differences.length === 0) return
    const json = (of: (one: NewDifference) => unknown): Buffer =>
      jsonArray(differences.map((one) => (of(one) === null ? null : JSON.stringify(of(one)))))
    await tx.query(
      `insert into context_difference (run_id, subject_id, owner, kind, before, after, error)
       select $1, s, o, k, b, a, e from unnest($2::int8[], $3::text[], $4::text[], $5::json[], $6::json[], $7::json[]) with ordinality as t(s, o, k, b, a, e, n)
        where (select count(*) from (select from context_difference d where d.run_id = $1 limit ${differenceLimit}) kept) + n <= ${differenceLimit} order by n`,
      [
        id,
        plainArray(differences.map(({ subject }) => subject)),
        textArray(differences.map(({ owner }) => owner)),
        textArray(differences.map(({ kind }) => kind)),
        json(({ before }) => before),
        json(({ after }) => after),
        json(({ error }) => error),
      ],
    )
  }

  /** Differences of images, and of their workloads, that the caller may see. */
  differences(
    runner: SqlRunner,
    asked: { runId: string; owner: string | null; kind: string | null; scope: VisibleRepositories },
    after: KeysetValue,
    limit: number,
  ): Promise<DifferenceRow[]> {
    return rows<DifferenceRow>(
      runner,
      `select d.id, i.digest, s.key, d.owner, d.kind, d.before, d.after, d.error
         from context_difference d join enrichment_subject s on s.id = d.subject_id join image i on i.id = s.image_id
        where d.run_id = $1 and ($2::text is null or d.owner = $2) and ($3::text is null or d.kind = $3) and ${visible('i.id', 4)}
          and ($4::text[] is null or s.kind <> ${subjectKinds.workload} or exists (select from workload w where w.id = s.workload_id and w.repository like any ($4::text[])))
          and ($5::int8 is null or d.id > $5::int8)
        order by d.id limit $6`,
      [asked.runId, asked.owner, asked.kind, asked.scope, after, limit],
    )
  }
}

export function differenceOf(row: DifferenceRow): ContextDifference {
  const { digest, key, owner, kind, before, after, error } = row
  return { digest, key: originalText(key), owner, kind, before, after, error }
}

/** A run as the API shows it. */
export function enricherRunOf(row: EnricherRunRow, now: Date): EnricherRun {
  return {
    id: row.id,
    kind: row.kind,
    setId: row.set_id,
    setVersion: row.set_version,
    formerSetId: row.former_set_id,
    state: row.state,
    subjects: { total: row.total, done: row.done, failed: row.failed },
    contexts: { added: row.added, changed: row.changed, removed: row.removed, unchanged: row.unchanged, failed: row.errors },
    secondsLeft: secondsLeft(row, now),
    problem: row.problem && originalText(row.problem),
    startedAt: row.started_at.toISOString(),
    startedBy: row.started_by,
    endedAt: row.ended_at?.toISOString() ?? null,
  }
}

/** From the pace since it last went on. */
function secondsLeft(row: EnricherRunRow, now: Date): number | null {
  if (row.ended_at !== null) return 0
  const done = row.done - row.done_before
  const seconds = (now.getTime() - row.resumed_at.getTime()) / 1000
  if (row.state !== 'running' || done <= 0 || seconds <= 0) return null
  return Math.round(((row.total - row.done) * seconds) / done)
}
