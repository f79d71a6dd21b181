import type { EngineName, EngineOutcome, FailureReason, Priority, ScanCause, ScanPhase, ScanTask, TaskState } from '@pharos/contracts'

/** A task as it is stored, as far as it is shown. */
export interface TaskRow {
  readonly id: string
  readonly image: string
  readonly platform: string | null
  readonly engines: EngineName[]
  readonly priority: Priority
  readonly cause: ScanCause
  readonly cohort: string | null
  readonly state: TaskState
  readonly phase: ScanPhase
  readonly detail: string | null
  readonly digest: string | null
  readonly runId: string | null
  readonly attempts: number
  readonly failure: FailureReason | null
  readonly outcomes: EngineOutcome[]
  readonly submittedAt: Date
  readonly startedAt: Date | null
  readonly endedAt: Date | null
  readonly nextAttemptAt: Date | null
  readonly version: number
}

/** The columns of a `TaskRow`, of `scan_task t`. */
export const taskColumns = `t.id, t.image, t.platform, t.engines, t.priority, t.cause, t.cohort, t.state, t.phase, t.detail, t.digest, t.run_id as "runId",
  t.attempts, t.failure, t.outcomes, t.submitted_at as "submittedAt", t.started_at as "startedAt", t.ended_at as "endedAt", t.next_attempt_at as "nextAttemptAt", t.version`

const text = (at: Date | null) => at?.toISOString() ?? null

/** A stored task as the API shows it. */
export function toScanTask(row: TaskRow): ScanTask {
  return {
    id: row.id,
    image: row.image,
    platform: row.platform,
    engines: row.engines,
    priority: row.priority,
    cause: row.cause,
    cohort: row.cohort,
    state: row.state,
    phase: row.phase,
    detail: row.detail,
    digest: row.digest,
    runId: row.runId,
    attempts: row.attempts,
    failure: row.failure,
    outcomes: row.outcomes,
    submittedAt: row.submittedAt.toISOString(),
    startedAt: text(row.startedAt),
    endedAt: text(row.endedAt),
    nextAttemptAt: text(row.nextAttemptAt),
    version: row.version,
  }
}
