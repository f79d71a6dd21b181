import { Injectable } from '@nestjs/common'
import { type ListScansQuery, PharosError, type Principal, type ScanTask, type TaskSelection, TaskState } from '@pharos/contracts'
import { visibleRepositories } from '../access/repository-scope.js'
import { AuditLog } from '../audit/audit-log.js'
import { decodeCursor, type Page, pageOfRows } from '../database/keyset.js'
import { Database, type Transaction } from '../database/transaction.js'
import { RunsService } from '../runs/runs.service.js'
import { TaskLedger } from './task-ledger.js'
import { toScanTask } from './task-view.js'
import { TasksRepository } from './tasks.repository.js'

/** Most tasks that one operation on many changes; it can be repeated. */
const selectionLimit = 10_000
const liveStates: readonly TaskState[] = ['queued', 'running', 'waiting', 'retrying']
const replayableStates: readonly TaskState[] = ['failed', 'quarantined', 'cancelled', 'partial']

/** What callers see of tasks and do with them. */
@Injectable()
export class TasksService {
  constructor(
    private readonly database: Database,
    private readonly tasks: TasksRepository,
    private readonly ledger: TaskLedger,
    private readonly runs: RunsService,
    private readonly audit: AuditLog,
  ) {}

  async get(id: string, principal: Principal): Promise<ScanTask> {
    const row = await this.tasks.find(id, visibleRepositories(principal))
    if (row === null) throw new PharosError('not-found', 'There is no such task, or you may not see it.')
    return toScanTask(row)
  }

  async list(query: ListScansQuery, principal: Principal): Promise<Page<ScanTask>> {
    const { limit, cursor, state, image, digest, cohort, priority } = query
    const list = { list: 'scans', sort: JSON.stringify([state, image, digest, cohort, priority]) }
    const [before] = decodeCursor(list, cursor, ['uuid']) ?? [null]
    const found = await this.tasks.list({
      visible: visibleRepositories(principal),
      states: statesOf(state),
      image: image ?? null,
      digest: digest ?? null,
      cohort: cohort ?? null,
      priority: priority ?? null,
      before: before === null || before === undefined ? null : String(before),
      limit: limit + 1,
    })
    return pageOfRows(list, found, limit, (row) => [row.id], toScanTask)
  }

  /** Detaches a task; the run that others wait for goes on. Cancelling an ended task changes nothing. */
  async cancel(id: string, principal: Principal): Promise<ScanTask> {
    await this.get(id, principal)
    await this.database.inTransaction(async (tx) => {
      const cancelled = await this.cancelAll(tx, { ids: [id], cohort: null }, principal)
      if (cancelled > 0) await this.audit.record(tx, principal, { action: 'scan.cancel', subject: id })
    })
    return this.get(id, principal)
  }

  async cancelMany(selection: TaskSelection, principal: Principal): Promise<number> {
    if (selection.state !== undefined)
      throw new PharosError('request-invalid', 'Only tasks that have not ended are cancelled; name a cohort or ids, no state.')
    return this.database.inTransaction(async (tx) => {
      const affected = await this.cancelAll(tx, { ids: selection.ids ?? null, cohort: selection.cohort ?? null }, principal)
      await this.audit.record(tx, principal, { action: 'scan.cancel-many', subject: selection.cohort ?? 'ids', detail: { affected } })
      return affected
    })
  }

  /** Gives ended tasks another attempt; their crash counts start again. */
  async replay(selection: TaskSelection, principal: Principal): Promise<number> {
    return this.database.inTransaction(async (tx) => {
      const states = selection.state === undefined ? replayableStates : [selection.state]
      const found = await this.tasks.lockSelected(tx, {
        visible: visibleRepositories(principal),
        cohort: selection.cohort ?? null,
        states,
        ids: selection.ids ?? null,
        limit: selectionLimit,
      })
      await this.tasks.forgetCrashes(
        tx,
        found.flatMap((task) => [`${task.image} ${task.platform ?? ''}`, ...(task.digest === null ? [] : [task.digest])]),
      )
      const replayed = await this.ledger.transition(
        tx,
        'replay',
        found.map((task) => task.id),
      )
      await this.ledger.nextAttempt(
        tx,
        replayed.map((task) => task.id),
      )
      await this.audit.record(tx, principal, {
        action: 'scan.replay',
        subject: selection.cohort ?? selection.state ?? 'ids',
        detail: { affected: replayed.length },
      })
      return replayed.length
    })
  }

  /** Holds or lets go the tasks of a cohort; answers how many wait. */
  async setCohortPause(cohort: string, isPaused: boolean, principal: Principal): Promise<number> {
    return this.database.inTransaction(async (tx) => {
      if (isPaused) await this.tasks.pause(tx, 'cohort', cohort, principal.id)
      else await this.tasks.resume(tx, 'cohort', cohort)
      if (!isPaused) this.ledger.wakeRelay(tx)
      await this.audit.record(tx, principal, { action: isPaused ? 'cohort.pause' : 'cohort.resume', subject: cohort })
      return this.tasks.countWaiting(tx, cohort)
    })
  }

  private async cancelAll(
    tx: Transaction,
    which: { ids: readonly string[] | null; cohort: string | null },
    principal: Principal,
  ): Promise<number> {
    const found = await this.tasks.lockSelected(tx, {
      visible: visibleRepositories(principal),
      cohort: which.cohort,
      states: liveStates,
      ids: which.ids,
      limit: selectionLimit,
    })
    const cancelled = (
      await this.ledger.transition(
        tx,
        'cancel',
        found.map((task) => task.id),
        { failure: { code: 'cancelled', detail: `Cancelled by ${principal.name}.` } },
      )
    ).map((task) => task.id)
    await this.ledger.withdraw(tx, cancelled)
    // A worker that holds an attempt goes on for the followers, or is told to stop when it next reports progress.
    const held = new Set(await this.tasks.heldByWorker(tx, cancelled))
    await this.runs.leave(
      tx,
      cancelled.filter((id) => !held.has(id)),
    )
    return cancelled.length
  }
}

function statesOf(text: string | undefined): TaskState[] | null {
  if (text === undefined) return null
  return text.split(',').map((name) => {
    const state = TaskState.safeParse(name.trim())
    if (!state.success)
      throw new PharosError(
        'filter-invalid',
        `There is no task state ${JSON.stringify(name.trim())}; states are ${TaskState.options.join(', ')}.`,
      )
    return state.data
  })
}
