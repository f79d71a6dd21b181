import { Injectable } from '@nestjs/common'
import type { FailureReason } from '@pharos/contracts'
import { Database, type Transaction } from '../database/transaction.js'
import { RunsService } from '../runs/runs.service.js'
import { TaskLedger } from '../tasks/task-ledger.js'
import { hasEnded } from '../tasks/task-state.js'
import { AttemptsRepository, type LockedAttempt } from './attempts.repository.js'
import { CrashRule } from './crash-rule.js'
import { LostAttemptsReporting } from './lost-attempts-reporting.js'

const sweepLimit = 200

/** Finds attempts whose worker is gone: another attempt at once, unless the image has killed its workers before. */
@Injectable()
export class LostAttemptsService {
  constructor(
    private readonly database: Database,
    private readonly attempts: AttemptsRepository,
    private readonly crashes: CrashRule,
    private readonly runs: RunsService,
    private readonly ledger: TaskLedger,
    private readonly reporting: LostAttemptsReporting,
  ) {}

  /** Deals with every attempt whose lease is over, each in a transaction of its own. */
  async sweep(): Promise<void> {
    for (const { id, taskId } of await this.attempts.lapsed(sweepLimit)) {
      await this.database.inTransaction(async (tx) => {
        const task = await this.attempts.lockTask(tx, taskId)
        const attempt = task === null ? null : await this.attempts.lockAttempt(tx, task, { id })
        // Meanwhile it may have been renewed, ended, or dealt with by another replica.
        if (attempt?.state === 'claimed' && attempt.isLeaseOver) await this.lose(tx, attempt)
      })
    }
    await this.rescue()
  }

  /** Gives tasks that wait for a run that is gone an attempt of their own. */
  async rescue(): Promise<void> {
    await this.database.inTransaction((tx) => this.runs.rescueStranded(tx))
  }

  /** Ends a claimed attempt whose lease is over. */
  async lose(tx: Transaction, attempt: LockedAttempt): Promise<void> {
    const { task } = attempt
    this.reporting.report(attempt)
    await this.attempts.end(tx, attempt.id, 'lost')
    const reason: FailureReason = { code: 'worker-lost', detail: `Worker ${attempt.workerId ?? ''} stopped answering.` }
    if (await this.crashes.quarantineIfPoison(tx, attempt, reason)) return
    if (hasEnded(task.state)) {
      await this.runs.leave(tx, [task.id])
      return
    }
    const requeued = await this.ledger.transition(tx, 'requeue', [task.id], { failure: reason, detail: null })
    await this.ledger.nextAttempt(
      tx,
      requeued.map((changed) => changed.id),
    )
  }
}
