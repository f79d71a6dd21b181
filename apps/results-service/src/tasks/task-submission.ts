import { randomUUID } from 'node:crypto'
import { Injectable } from '@nestjs/common'
import type { EngineName, Priority, ScanCause } from '@pharos/contracts'
import { injectTraceContext, Metrics, type TraceCarrier } from '@pharos/service-kit'
import { newId } from '../database/identifier.js'
import { rows, type SqlRunner } from '../database/sql.js'
import { afterCommit, Database, type Transaction } from '../database/transaction.js'
import { OutboxRelay } from '../outbox/outbox-relay.js'
import { taskColumns, type TaskRow } from './task-view.js'

/** What a new task is made of. */
export interface NewTask {
  /** Reference, or sbom:<digest>. */
  readonly image: string
  /** registry/path, or sbom/<name>: what a scope is matched with. */
  readonly repository: string
  readonly platform?: string | null
  readonly engines: readonly EngineName[]
  readonly priority: Priority
  readonly cause: ScanCause
  readonly cohort?: string | null
  readonly context?: Readonly<Record<string, unknown>> | null
  readonly contextKey?: string | null
  readonly maxAgeMs?: number
  readonly isForced?: boolean
  /** Digest of a posted SBOM. */
  readonly sbomDigest?: string | null
  /** Manifest digest when it is known: a rescan of a stored image, which is not resolved or pulled again. */
  readonly knownDigest?: string | null
  /** Principal id of the submitter. */
  readonly submittedBy: string
}

interface PendingSubmit {
  readonly task: object
  readonly lane: Priority
  readonly resolve: (row: TaskRow) => void
  readonly reject: (reason: unknown) => void
}

/** Task, first attempt and outbox row of each new task, in one statement. */
const insertTasks = `
  with input as (
    select * from jsonb_to_recordset($1::jsonb) as i(
      id uuid, attempt_id uuid, position int, image text, repository text, platform text, engines text[], priority text, cause text, cohort text, context jsonb,
      context_key text, max_age_ms bigint, is_forced boolean, sbom_digest text, known_digest text, submitted_by text, trace jsonb)
  ), task as (
    insert into scan_task as t (id, image, repository, platform, engines, priority, cause, cohort, context, context_key, max_age_ms, is_forced, sbom_digest, known_digest, submitted_by, state, phase)
    select id, image, repository, platform, engines, priority, cause, cohort, context, context_key, max_age_ms, is_forced, sbom_digest, known_digest, submitted_by, 'queued', 'queue' from input
    returning ${taskColumns}
  ), attempt as (
    insert into scan_attempt (id, task_id, number, state) select attempt_id, id, 1, 'ready' from input
  ), message as (
    insert into outbox (task_id, attempt, lane, cohort, due_at, trace) select id, 1, priority, cohort, now(), trace from input order by position
  )
  select * from task`

const groupLimit = 500

/** Accepts tasks: accepted means that task, attempt and outbox row are committed. */
@Injectable()
export class TaskSubmission {
  private pending: PendingSubmit[] = []
  private isFlushing = false
  private readonly submitted

  constructor(
    private readonly database: Database,
    private readonly relay: OutboxRelay,
    metrics: Metrics,
  ) {
    this.submitted = metrics.counter({ name: 'pharos_tasks_submitted_total', help: 'Tasks accepted.', labels: ['lane'] })
  }

  /** Accepts many tasks in the caller's transaction, set-based; answers in the order of the input. */
  async submitMany(tx: Transaction, tasks: readonly NewTask[]): Promise<TaskRow[]> {
    if (tasks.length === 0) return []
    const trace = traceOf()
    const inserted = await this.insert(
      tx,
      tasks.map((task, position) => toInput(task, position, trace)),
    )
    afterCommit(tx, () => {
      for (const { priority } of tasks) this.submitted.inc({ lane: priority })
      this.relay.wake()
    })
    return inserted
  }

  /** Accepts one task. Submits that come while another commit is under way share the next one. */
  submitOne(task: NewTask): Promise<TaskRow> {
    return new Promise((resolve, reject) => {
      this.pending.push({ task: toInput(task, 0, traceOf()), lane: task.priority, resolve, reject })
      if (!this.isFlushing) void this.flush()
    })
  }

  private async flush(): Promise<void> {
    this.isFlushing = true
    while (this.pending.length > 0) {
      const group = this.pending.splice(0, groupLimit)
      try {
        const inserted = await this.insert(
          this.database.runner,
          group.map((entry) => entry.task),
        )
        for (const [index, entry] of group.entries()) {
          const row = inserted[index]
          if (row === undefined) throw new Error('an inserted task was not returned')
          this.submitted.inc({ lane: entry.lane })
          entry.resolve(row)
        }
        this.relay.wake()
      } catch (error) {
        for (const entry of group) entry.reject(error)
      }
    }
    this.isFlushing = false
  }

  private async insert(runner: SqlRunner, input: readonly object[]): Promise<TaskRow[]> {
    const found = await rows<TaskRow>(runner, insertTasks, [JSON.stringify(input)])
    const byId = new Map(found.map((row) => [row.id, row]))
    return input.flatMap((entry) => byId.get((entry as { id: string }).id) ?? [])
  }
}

/** The trace that a worker goes on with; null where nothing is traced. */
function traceOf(): TraceCarrier | null {
  const trace = injectTraceContext()
  return Object.keys(trace).length === 0 ? null : trace
}

function toInput(task: NewTask, position: number, trace: TraceCarrier | null): object {
  return {
    id: newId(),
    attempt_id: randomUUID(),
    position,
    image: task.image,
    repository: task.repository,
    platform: task.platform ?? null,
    engines: task.engines,
    priority: task.priority,
    cause: task.cause,
    cohort: task.cohort ?? null,
    context: task.context ?? null,
    context_key: task.contextKey ?? null,
    max_age_ms: task.maxAgeMs ?? 0,
    is_forced: task.isForced ?? false,
    sbom_digest: task.sbomDigest ?? null,
    known_digest: task.knownDigest ?? null,
    submitted_by: task.submittedBy,
    trace,
  }
}
