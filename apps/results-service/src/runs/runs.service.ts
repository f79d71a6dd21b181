import { Injectable } from '@nestjs/common'
import { type CataloguerIdentity, type EngineName, PharosError } from '@pharos/contracts'
import { type Clock, InjectClock } from '@pharos/service-kit'
import type { Transaction } from '../database/transaction.js'
import { type TaskChange, TaskLedger } from '../tasks/task-ledger.js'
import type { TaskTransition } from '../tasks/task-state.js'
import { runKeyOf } from './run-key.js'
import { type RunRow, RunsRepository } from './runs.repository.js'
import { ScanStorage } from './scan-storage.js'

/** A task with a digest, about to be scanned by an attempt. */
export interface ScanIntent {
  readonly taskId: string
  readonly digest: string
  readonly engines: readonly EngineName[]
  /** The generations that the attempt was given. */
  readonly generationIds: readonly string[]
  readonly sbomDigest: string | null
  readonly maxAgeMs: number
  readonly isForced: boolean
  readonly cataloguer: CataloguerIdentity | null
}

/** What follows from a digest: scan it, wait for the run of another task, or take the stored result. */
export type RunDecision =
  | { readonly decision: 'run'; readonly runId: string; readonly hasCatalogue: boolean }
  | { readonly decision: 'subscribed'; readonly runId: string }
  | { readonly decision: 'fresh' }

const openAttemptLimit = 8

/**
 * Decides who scans and who waits. A run of a key is open at most once and is led by one task; a leader that cannot go on
 * hands the run to the task that has waited the longest, and the others go on waiting for the same run.
 */
@Injectable()
export class RunsService {
  constructor(
    private readonly runs: RunsRepository,
    private readonly ledger: TaskLedger,
    private readonly storage: ScanStorage,
    @InjectClock() private readonly clock: Clock,
  ) {}

  /** Ends the task with a fresh result, lets it wait for an open run, or opens one that it leads. */
  async decide(tx: Transaction, intent: ScanIntent): Promise<RunDecision> {
    if (await this.endFresh(tx, intent)) return { decision: 'fresh' }
    const runKey = runKeyOf(intent)
    await this.leaveOthers(tx, intent.taskId, runKey)
    for (let attempt = 1; attempt <= openAttemptLimit; attempt += 1) {
      const open = await this.runs.lockOpen(tx, runKey)
      if (open !== null && open.leaderTaskId !== intent.taskId) {
        await this.ledger.transition(tx, 'subscribe', [intent.taskId], { digest: intent.digest, runId: open.id, detail: null })
        return { decision: 'subscribed', runId: open.id }
      }
      const led =
        open ??
        (await this.runs.open(tx, {
          runKey,
          digest: intent.digest,
          engines: intent.engines,
          generationIds: intent.generationIds,
          leaderTaskId: intent.taskId,
        }))
      if (led === null) continue
      await this.ledger.assign(tx, intent.taskId, { digest: intent.digest, runId: led.id })
      const hasCatalogue =
        !intent.isForced && intent.cataloguer !== null && (await this.storage.hasCatalogue(tx, intent.digest, intent.cataloguer))
      return { decision: 'run', runId: led.id, hasCatalogue }
    }
    throw new PharosError('internal-error', 'A run of this digest opens and closes without end.')
  }

  lock(tx: Transaction, runId: string): Promise<RunRow | null> {
    return this.runs.lock(tx, runId)
  }

  /** Whether somebody still waits for a run. */
  async isWanted(tx: Transaction, runId: string): Promise<boolean> {
    return (await this.runs.liveTasks(tx, runId)).length > 0
  }

  /** Ends a run and all tasks that subscribe to it. */
  async endForAll(tx: Transaction, runId: string, transition: TaskTransition, change: TaskChange): Promise<void> {
    await this.runs.close(tx, runId, 'ended', transition)
    await this.ledger.transition(tx, transition, await this.runs.liveTasks(tx, runId), change)
  }

  /** The leader cannot go on: the task that has waited the longest takes over, or the run is given up when nobody waits. */
  async handOver(tx: Transaction, run: Pick<RunRow, 'id' | 'leaderTaskId'>): Promise<void> {
    const next = (await this.runs.liveTasks(tx, run.id)).find((id) => id !== run.leaderTaskId)
    const promoted = next === undefined ? [] : await this.ledger.transition(tx, 'promote', [next])
    const [leader] = promoted
    if (leader === undefined) {
      await this.runs.close(tx, run.id, 'released', 'unwanted')
      return
    }
    await this.runs.setLeader(tx, run.id, leader.id)
    await this.ledger.nextAttempt(tx, [leader.id])
  }

  /** Hands over every open run that these tasks lead. */
  async leave(tx: Transaction, taskIds: readonly string[]): Promise<void> {
    for (const run of await this.runs.lockLedBy(tx, taskIds)) await this.handOver(tx, run)
  }

  /** Closes a run in whose database generation nothing can be stored any more: all its tasks are matched again. */
  async restart(tx: Transaction, runId: string): Promise<void> {
    const live = await this.runs.liveTasks(tx, runId)
    await this.runs.close(tx, runId, 'released', 'superseded')
    const requeued = await this.ledger.transition(tx, 'requeue', live, { runId: null })
    const promoted = await this.ledger.transition(tx, 'promote', live, { runId: null })
    await this.ledger.nextAttempt(
      tx,
      [...requeued, ...promoted].map((task) => task.id),
    )
  }

  /** Gives waiting tasks whose run is gone an attempt of their own. */
  async rescueStranded(tx: Transaction): Promise<number> {
    const stranded = await this.runs.strandedTasks(tx, 500)
    const promoted = await this.ledger.transition(tx, 'promote', stranded, { runId: null })
    await this.ledger.nextAttempt(
      tx,
      promoted.map((task) => task.id),
    )
    return promoted.length
  }

  private async endFresh(tx: Transaction, intent: ScanIntent): Promise<boolean> {
    if (intent.isForced || intent.maxAgeMs === 0 || intent.sbomDigest !== null) return false
    const latest = await this.storage.latestResult(tx, { digest: intent.digest, engines: intent.engines })
    if (latest === null || latest.at.getTime() < this.clock.nowMs() - intent.maxAgeMs) return false
    const isComplete = intent.engines.every((engine) =>
      latest.outcomes.some((outcome) => outcome.engine === engine && outcome.status === 'complete'),
    )
    if (!isComplete || !isSameSet(latest.generationIds, intent.generationIds)) return false
    await this.leaveOthers(tx, intent.taskId, null)
    await this.ledger.transition(tx, 'succeed', [intent.taskId], { digest: intent.digest, outcomes: latest.outcomes, failure: null })
    await this.storage.keepContext(tx, intent.taskId, intent.digest)
    return true
  }

  /** A task whose tag has moved, or whose database has changed, since its last attempt still leads the former run. */
  private async leaveOthers(tx: Transaction, taskId: string, runKey: string | null): Promise<void> {
    for (const run of await this.runs.lockLedBy(tx, [taskId])) if (run.runKey !== runKey) await this.handOver(tx, run)
  }
}

function isSameSet(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((value) => right.includes(value))
}
