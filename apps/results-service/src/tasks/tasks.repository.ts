import { Injectable } from '@nestjs/common'
import type { Priority, TaskState } from '@pharos/contracts'
import { likePattern, type VisibleRepositories } from '../access/repository-scope.js'
import { affected, oneRow, rows } from '../database/sql.js'
import { Database, type Transaction } from '../database/transaction.js'
import { taskColumns, type TaskRow } from './task-view.js'

/** Filters of the task list; null is everything. */
export interface TaskFilter {
  readonly visible: VisibleRepositories
  readonly states: readonly TaskState[] | null
  /** Reference as submitted; `*` stands for any run of characters. */
  readonly image: string | null
  readonly digest: string | null
  readonly cohort: string | null
  readonly priority: Priority | null
  /** Tasks before this id, newest first. */
  readonly before: string | null
  readonly limit: number
}

/** Which tasks an operation on many is for; what is null does not narrow it. */
export interface TaskSelectionFilter {
  readonly visible: VisibleRepositories
  readonly cohort: string | null
  readonly states: readonly TaskState[]
  readonly ids: readonly string[] | null
  readonly limit: number
}

const isVisible = (parameter: number) => `($${parameter}::text[] is null or t.repository like any ($${parameter}))`

@Injectable()
export class TasksRepository {
  constructor(private readonly database: Database) {}

  find(id: string, visible: VisibleRepositories): Promise<TaskRow | null> {
    return oneRow(this.database.runner, `select ${taskColumns} from scan_task t where t.id = $1 and ${isVisible(2)}`, [id, visible])
  }

  /** Conditions are added only where they narrow, so that the planner sees which index serves the list. */
  list(filter: TaskFilter): Promise<TaskRow[]> {
    const conditions: string[] = []
    const parameters: unknown[] = [filter.limit]
    const narrow = (condition: (parameter: string) => string, value: unknown) => {
      if (value === null) return
      parameters.push(value)
      conditions.push(condition(`$${parameters.length}`))
    }
    narrow((p) => `t.repository like any (${p}::text[])`, filter.visible)
    narrow((p) => `t.state = any (${p}::text[])`, filter.states)
    narrow((p) => `t.image like ${p}`, filter.image === null ? null : likePattern(filter.image))
    narrow((p) => `t.digest = ${p}`, filter.digest)
    narrow((p) => `t.cohort = ${p}`, filter.cohort)
    narrow((p) => `t.priority = ${p}`, filter.priority)
    narrow((p) => `t.id < ${p}::uuid`, filter.before)
    const where = conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`
    return rows(this.database.runner, `select ${taskColumns} from scan_task t ${where} order by t.id desc limit $1`, parameters)
  }

  /** Ids of the tasks that a selection means, locked in the order of their ids. */
  async lockSelected(
    tx: Transaction,
    filter: TaskSelectionFilter,
  ): Promise<{ id: string; image: string; platform: string | null; digest: string | null }[]> {
    return rows(
      tx,
      `select t.id, t.image, t.platform, t.digest from scan_task t
        where ${isVisible(1)} and ($2::text is null or t.cohort = $2) and t.state = any ($3::text[]) and ($4::uuid[] is null or t.id = any ($4))
        order by t.id limit $5 for update`,
      [filter.visible, filter.cohort, filter.states, filter.ids, filter.limit],
    )
  }

  /** Which of these tasks have their current attempt in a worker's hands. */
  async heldByWorker(tx: Transaction, ids: readonly string[]): Promise<string[]> {
    const found = await rows<{ id: string }>(
      tx,
      `select t.id from scan_task t join scan_attempt a on a.task_id = t.id and a.number = t.attempts where t.id = any ($1::uuid[]) and a.state = 'claimed'`,
      [ids],
    )
    return found.map((row) => row.id)
  }

  /** Crash counts of these tasks are forgotten: somebody wants them tried again. */
  async forgetCrashes(tx: Transaction, subjects: readonly string[]): Promise<void> {
    await tx.query('delete from crash_count where subject = any ($1)', [subjects])
  }

  /** Tasks of a cohort that wait for a worker. */
  async countWaiting(tx: Transaction, cohort: string): Promise<number> {
    const row = await oneRow<{ count: number }>(
      tx,
      `select count(*)::int as count from scan_task where cohort = $1 and state in ('queued', 'retrying')`,
      [cohort],
    )
    return row?.count ?? 0
  }

  async pause(tx: Transaction, kind: 'lane' | 'cohort', name: string, by: string): Promise<void> {
    await tx.query('insert into pause (kind, name, paused_by) values ($1, $2, $3) on conflict do nothing', [kind, name, by])
  }

  resume(tx: Transaction, kind: 'lane' | 'cohort', name: string): Promise<number> {
    return affected(tx, 'delete from pause where kind = $1 and name = $2', [kind, name])
  }
}
