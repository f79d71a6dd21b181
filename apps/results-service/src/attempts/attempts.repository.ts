import { Injectable } from '@nestjs/common'
import type { CataloguerIdentity, EngineName, Priority, ScanCause, TaskState } from '@pharos/contracts'
import { affected, oneRow, rows } from '../database/sql.js'
import { Database, type Transaction } from '../database/transaction.js'

/** State of an attempt: `ready` waits for a worker, `claimed` is held by one, the others are over. */
export type AttemptState = 'ready' | 'claimed' | 'reported' | 'failed' | 'lost' | 'deferred' | 'ended'

/** The task of an attempt, as far as its scan concerns it. */
export interface AttemptTask {
  readonly id: string
  readonly image: string
  readonly platform: string | null
  readonly engines: EngineName[]
  readonly priority: Priority
  readonly cause: ScanCause
  readonly maxAgeMs: number
  readonly isForced: boolean
  readonly sbomDigest: string | null
  readonly knownDigest: string | null
  readonly state: TaskState
  readonly digest: string | null
  readonly runId: string | null
  readonly attempts: number
  readonly failures: number
  readonly isPaused: boolean
}

/** An attempt with its task; both rows are locked, the task first. */
export interface LockedAttempt {
  readonly id: string
  readonly number: number
  readonly state: AttemptState
  readonly tokenHash: Buffer | null
  readonly workerId: string | null
  readonly cataloguer: CataloguerIdentity | null
  readonly generationIds: string[]
  readonly runId: string | null
  readonly isLeaseOver: boolean
  readonly task: AttemptTask
}

/** What a claim writes. */
export interface ClaimRecord {
  readonly tokenHash: Buffer
  readonly workerId: string
  readonly cataloguer: CataloguerIdentity | null
  readonly generationIds: readonly string[]
  readonly leaseMs: number
}

@Injectable()
export class AttemptsRepository {
  constructor(private readonly database: Database) {}

  /** The task of an attempt; it never changes. */
  async taskOf(attemptId: string): Promise<string | null> {
    const row = await oneRow<{ taskId: string }>(this.database.runner, 'select task_id as "taskId" from scan_attempt where id = $1', [
      attemptId,
    ])
    return row?.taskId ?? null
  }

  async lockTask(tx: Transaction, taskId: string): Promise<AttemptTask | null> {
    return oneRow(
      tx,
      `select t.id, t.image, t.platform, t.engines, t.priority, t.cause, t.max_age_ms::float8 as "maxAgeMs", t.is_forced as "isForced", t.sbom_digest as "sbomDigest",
              t.known_digest as "knownDigest", t.state, t.digest, t.run_id as "runId", t.attempts, t.failures,
              exists (select 1 from pause p where (p.kind = 'lane' and p.name = t.priority) or (p.kind = 'cohort' and p.name = t.cohort)) as "isPaused"
         from scan_task t where t.id = $1 for update of t`,
      [taskId],
    )
  }

  /** An attempt of a locked task, by its number or id, locked. */
  async lockAttempt(tx: Transaction, task: AttemptTask, which: { number: number } | { id: string }): Promise<LockedAttempt | null> {
    const [column, value] = 'id' in which ? (['id', which.id] as const) : (['number', which.number] as const)
    const row = await oneRow<Omit<LockedAttempt, 'task'>>(
      tx,
      `select id, number, state, token_hash as "tokenHash", worker_id as "workerId", cataloguer, coalesce(generation_ids, '{}') as "generationIds", run_id as "runId",
              coalesce(lease_until < now(), false) as "isLeaseOver"
         from scan_attempt where task_id = $1 and ${column} = $2 for update`,
      [task.id, value],
    )
    return row === null ? null : { ...row, task }
  }

  async claim(tx: Transaction, id: string, record: ClaimRecord): Promise<void> {
    await tx.query(
      `update scan_attempt set state = 'claimed', token_hash = $2, worker_id = $3, cataloguer = $4, generation_ids = $5, claimed_at = coalesce(claimed_at, now()),
              lease_until = now() + $6 * interval '1 ms' where id = $1`,
      [
        id,
        record.tokenHash,
        record.workerId,
        record.cataloguer === null ? null : JSON.stringify(record.cataloguer),
        record.generationIds,
        record.leaseMs,
      ],
    )
  }

  /** The attempt is in a worker's hands: nothing waits in the outbox any more. */
  async leaveOutbox(tx: Transaction, taskId: string, number: number): Promise<void> {
    await tx.query('delete from outbox where task_id = $1 and attempt = $2', [taskId, number])
  }

  async renew(tx: Transaction, id: string, leaseMs: number): Promise<void> {
    await tx.query(`update scan_attempt set lease_until = now() + $2 * interval '1 ms' where id = $1`, [id, leaseMs])
  }

  async setRun(tx: Transaction, id: string, runId: string): Promise<void> {
    await tx.query('update scan_attempt set run_id = $2 where id = $1', [id, runId])
  }

  async end(tx: Transaction, id: string, state: Exclude<AttemptState, 'ready' | 'claimed'>): Promise<void> {
    await tx.query('update scan_attempt set state = $2, ended_at = now(), lease_until = null where id = $1', [id, state])
  }

  /** Attempts whose worker has said nothing for the length of the lease. */
  lapsed(limit: number): Promise<{ id: string; taskId: string }[]> {
    return rows(
      this.database.runner,
      `select id, task_id as "taskId" from scan_attempt where state = 'claimed' and lease_until < now() order by lease_until limit $1`,
      [limit],
    )
  }

  /** Counts a crash of a digest or reference and returns how many there were. */
  async countCrash(tx: Transaction, subject: string): Promise<number> {
    const row = await oneRow<{ crashes: number }>(
      tx,
      'insert into crash_count as c (subject, crashes) values ($1, 1) on conflict (subject) do update set crashes = c.crashes + 1, last_at = now() returning crashes',
      [subject],
    )
    return row?.crashes ?? 0
  }

  forgetCrashes(tx: Transaction, subjects: readonly string[]): Promise<number> {
    return affected(tx, 'delete from crash_count where subject = any($1)', [subjects])
  }
}
