import { Injectable } from '@nestjs/common'
import { newId } from '../database/identifier.js'
import { oneRow, rows } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'

/** A run: one scan of a digest, for all tasks that subscribe to it. */
export interface RunRow {
  readonly id: string
  readonly runKey: string
  readonly digest: string
  readonly leaderTaskId: string
  readonly state: 'open' | 'ended' | 'released'
}

/** What a new run is made of. */
export interface NewRun {
  readonly runKey: string
  readonly digest: string
  readonly engines: readonly string[]
  readonly generationIds: readonly string[]
  readonly leaderTaskId: string
}

const columns = `id, run_key as "runKey", digest, leader_task_id as "leaderTaskId", state`

@Injectable()
export class RunsRepository {
  /** The open run of a key, locked; null when there is none. */
  lockOpen(tx: Transaction, runKey: string): Promise<RunRow | null> {
    return oneRow(tx, `select ${columns} from scan_run where run_key = $1 and state = 'open' for update`, [runKey])
  }

  lock(tx: Transaction, id: string): Promise<RunRow | null> {
    return oneRow(tx, `select ${columns} from scan_run where id = $1 for update`, [id])
  }

  /** The open runs that these tasks lead, locked. */
  lockLedBy(tx: Transaction, taskIds: readonly string[]): Promise<RunRow[]> {
    return rows(
      tx,
      `select r.id, r.run_key as "runKey", r.digest, r.leader_task_id as "leaderTaskId", r.state
         from scan_run r join scan_task t on t.run_id = r.id and t.id = r.leader_task_id
        where t.id = any($1::uuid[]) and r.state = 'open' order by r.id for update of r`,
      [taskIds],
    )
  }

  /** Opens a run; null when another one of this key was opened at the same moment. */
  open(tx: Transaction, run: NewRun): Promise<RunRow | null> {
    return oneRow(
      tx,
      `insert into scan_run (id, run_key, digest, engines, generation_ids, leader_task_id, state) values ($1, $2, $3, $4, $5, $6, 'open')
       on conflict (run_key) where state = 'open' do nothing returning ${columns}`,
      [newId(), run.runKey, run.digest, run.engines, run.generationIds, run.leaderTaskId],
    )
  }

  async close(tx: Transaction, id: string, state: 'ended' | 'released', outcome: string): Promise<void> {
    await tx.query('update scan_run set state = $2, outcome = $3, ended_at = now() where id = $1', [id, state, outcome])
  }

  async setLeader(tx: Transaction, id: string, taskId: string): Promise<void> {
    await tx.query('update scan_run set leader_task_id = $2 where id = $1', [id, taskId])
  }

  /** Ids of the tasks that wait for a run or work on it, the longest waiting first. */
  async liveTasks(tx: Transaction, runId: string): Promise<string[]> {
    const found = await rows<{ id: string }>(
      tx,
      `select id from scan_task where run_id = $1 and state in ('running', 'waiting', 'queued', 'retrying') order by submitted_at, id`,
      [runId],
    )
    return found.map((row) => row.id)
  }

  /** Waiting tasks whose run is no longer open; none exist unless something outside of the rules closed it. */
  async strandedTasks(tx: Transaction, limit: number): Promise<string[]> {
    const found = await rows<{ id: string }>(
      tx,
      `select t.id from scan_task t left join scan_run r on r.id = t.run_id where t.state = 'waiting' and (r.id is null or r.state <> 'open') limit $1 for update of t skip locked`,
      [limit],
    )
    return found.map((row) => row.id)
  }
}
