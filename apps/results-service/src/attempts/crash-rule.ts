import { Injectable } from '@nestjs/common'
import type { FailureReason } from '@pharos/contracts'
import { InjectConfiguration } from '@pharos/service-kit'
import type { ResultsConfiguration } from '../configuration.js'
import type { Transaction } from '../database/transaction.js'
import { RunsService } from '../runs/runs.service.js'
import { TaskLedger } from '../tasks/task-ledger.js'
import { type AttemptTask, AttemptsRepository, type LockedAttempt } from './attempts.repository.js'

/** What a crash is counted by: the digest when it is known, else the reference. */
export function crashSubjects(task: Pick<AttemptTask, 'digest' | 'image' | 'platform'>): string[] {
  const reference = `${task.image} ${task.platform ?? ''}`
  return task.digest === null ? [reference] : [task.digest, reference]
}

/** Puts an image aside that has killed its workers. */
@Injectable()
export class CrashRule {
  constructor(
    private readonly attempts: AttemptsRepository,
    private readonly runs: RunsService,
    private readonly ledger: TaskLedger,
    @InjectConfiguration() private readonly configuration: ResultsConfiguration,
  ) {}

  /** Counts the crash. Returns true when the image is put aside now, with all tasks that wait for its run. */
  async quarantineIfPoison(tx: Transaction, attempt: LockedAttempt, reason: FailureReason): Promise<boolean> {
    const [subject = attempt.task.image] = crashSubjects(attempt.task)
    const crashes = await this.attempts.countCrash(tx, subject)
    if (crashes < this.configuration.scans.maxCrashes) return false
    const failure: FailureReason = {
      code: 'quarantined',
      detail: `Its workers died ${crashes} times, last: ${reason.detail}`.slice(0, 2000),
    }
    await this.ledger.transition(tx, 'quarantine', [attempt.task.id], { failure })
    if (attempt.runId !== null) await this.runs.endForAll(tx, attempt.runId, 'quarantine', { failure })
    return true
  }
}
