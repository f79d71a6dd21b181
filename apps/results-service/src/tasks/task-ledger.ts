import { Injectable } from '@nestjs/common'
import type { EngineOutcome, EventBody, FailureReason, ScanPhase, TaskState } from '@pharos/contracts'
import { Metrics } from '@pharos/service-kit'
import { rows } from '../database/sql.js'
import { afterCommit, type Transaction } from '../database/transaction.js'
import { EventBroadcast } from '../events/event-broadcast.js'
import { EventLog } from '../events/event-log.js'
import { OutboxRelay } from '../outbox/outbox-relay.js'
import { hasEnded, type TaskTransition, taskTransitions } from './task-state.js'

/** What changes with a transition beside the state; what is left out stays. */
export interface TaskChange {
  readonly phase?: ScanPhase
  readonly detail?: string | null
  readonly digest?: string
  readonly runId?: string | null
  readonly failure?: FailureReason | null
  readonly outcomes?: readonly EngineOutcome[]
  /** Counts a transient failure. */
  readonly countsFailure?: boolean
}

/** A task after its transition. */
export interface ChangedTask {
  readonly id: string
  readonly version: number
  readonly state: TaskState
  readonly digest: string | null
}

/** Makes every change of a task's state: only by the table of transitions, with a new version, told after the commit. */
@Injectable()
export class TaskLedger {
  private readonly ended

  constructor(
    private readonly events: EventLog,
    private readonly broadcast: EventBroadcast,
    private readonly relay: OutboxRelay,
    metrics: Metrics,
  ) {
    this.ended = metrics.counter({ name: 'pharos_tasks_ended_total', help: 'Tasks that ended, by state.', labels: ['state'] })
  }

  /** Moves those of the tasks from whose state the transition is allowed, and returns them. Ended tasks become events. */
  async transition(tx: Transaction, transition: TaskTransition, ids: readonly string[], change: TaskChange = {}): Promise<ChangedTask[]> {
    if (ids.length === 0) return []
    const { from, to } = taskTransitions[transition]
    const isEnd = hasEnded(to)
    const parameters: unknown[] = [ids, to, from]
    const set = [
      'state = $2',
      'version = version + 1',
      ...assignments(isEnd ? { phase: 'done', detail: null, ...change } : change, parameters),
    ]
    if (isEnd) set.push('ended_at = now()', 'next_attempt_at = null')
    if (transition === 'claim') set.push('started_at = coalesce(started_at, now())', 'next_attempt_at = null')
    if (transition === 'replay')
      set.push(
        `started_at = null, ended_at = null, digest = null, run_id = null, failure = null, outcomes = '[]', failures = 0, phase = 'queue'`,
      )
    if (to === 'queued' && transition !== 'replay') set.push(`phase = 'queue'`)
    const changed = await rows<ChangedTask>(
      tx,
      `update scan_task set ${set.join(', ')} where id = any($1::uuid[]) and state = any($3) returning id, version, state, digest`,
      parameters,
    )
    if (isEnd)
      await this.events.append(
        tx,
        changed.map((task): EventBody => ({ type: 'scan.ended', taskId: task.id, digest: task.digest, state: task.state })),
      )
    afterCommit(tx, () => {
      this.broadcast.tasksChanged(changed)
      if (isEnd) this.ended.inc({ state: to }, changed.length)
    })
    return changed
  }

  /** Notes the digest of a running task and the run that it leads. */
  async assign(tx: Transaction, id: string, change: { digest: string; runId: string }): Promise<void> {
    const changed = await rows<ChangedTask>(
      tx,
      'update scan_task set digest = $2, run_id = $3, version = version + 1 where id = $1 and (digest, run_id) is distinct from ($2::text, $3::uuid) returning id, version, state, digest',
      [id, change.digest, change.runId],
    )
    afterCommit(tx, () => this.broadcast.tasksChanged(changed))
  }

  /** Notes how far running and waiting tasks have come; only a change counts as one. */
  async progress(
    tx: Transaction,
    selection: { taskId: string; runId: string | null },
    phase: ScanPhase,
    detail: string | null,
  ): Promise<void> {
    const changed = await rows<ChangedTask>(
      tx,
      `update scan_task set phase = $3, detail = $4, version = version + 1
        where (id = $1 or run_id = $2) and state in ('running', 'waiting') and (phase, detail) is distinct from ($3::text, $4::text)
        returning id, version, state, digest`,
      [selection.taskId, selection.runId, phase, detail],
    )
    afterCommit(tx, () => this.broadcast.tasksChanged(changed))
  }

  /** Gives each task its next attempt, due after a delay, and has it relayed. */
  async nextAttempt(tx: Transaction, ids: readonly string[], delayMs = 0): Promise<void> {
    if (ids.length === 0) return
    await tx.query(
      `with task as (
         update scan_task set attempts = attempts + 1, next_attempt_at = case when state = 'retrying' then now() + $2 * interval '1 ms' end
          where id = any($1::uuid[]) returning id, attempts, priority, cohort
       ), attempt as (
         insert into scan_attempt (id, task_id, number, state, due_at) select gen_random_uuid(), id, attempts, 'ready', now() + $2 * interval '1 ms' from task
       )
       insert into outbox (task_id, attempt, lane, cohort, due_at) select id, attempts, priority, cohort, now() + $2 * interval '1 ms' from task`,
      [ids, delayMs],
    )
    afterCommit(tx, () => this.relay.wake())
  }

  /** Has waiting attempts relayed after the commit, e.g. because a pause is over. */
  wakeRelay(tx: Transaction): void {
    afterCommit(tx, () => this.relay.wake())
  }

  /** Takes back attempts that no worker has claimed: their tasks have ended. */
  async withdraw(tx: Transaction, ids: readonly string[]): Promise<void> {
    await tx.query(`update scan_attempt set state = 'ended', ended_at = now() where task_id = any($1::uuid[]) and state = 'ready'`, [ids])
    await tx.query('delete from outbox where task_id = any($1::uuid[])', [ids])
  }
}

const columnOf = { phase: 'phase', detail: 'detail', digest: 'digest', runId: 'run_id', failure: 'failure', outcomes: 'outcomes' } as const

function assignments(change: TaskChange, parameters: unknown[]): string[] {
  const set: string[] = []
  for (const [field, column] of Object.entries(columnOf) as [keyof typeof columnOf, string][]) {
    const value = change[field]
    if (value === undefined) continue
    parameters.push(value !== null && typeof value === 'object' ? JSON.stringify(value) : value)
    set.push(`${column} = $${parameters.length}`)
  }
  if (change.countsFailure === true) set.push('failures = failures + 1')
  return set
}
