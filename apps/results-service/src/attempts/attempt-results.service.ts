import { Injectable } from '@nestjs/common'
import { type AttemptFailure, type AttemptFailureAnswer, type FailureReason, PharosError, type ReportAnswer } from '@pharos/contracts'
import { InjectConfiguration } from '@pharos/service-kit'
import type { ResultsConfiguration } from '../configuration.js'
import type { Transaction } from '../database/transaction.js'
import type { ReceivedReport } from '../ingest/received-report.js'
import { RunsService } from '../runs/runs.service.js'
import { TaskLedger } from '../tasks/task-ledger.js'
import { hasEnded } from '../tasks/task-state.js'
import { AttemptAccess, type AttemptCredential } from './attempt-access.js'
import { AttemptsRepository, type LockedAttempt } from './attempts.repository.js'
import { CrashRule, crashSubjects } from './crash-rule.js'
import { ReportIntake } from './report-intake.js'
import { backOffMs, isOwnFailure, storableReason, verdictOf } from './failure-class.js'

type FailureStep = AttemptFailureAnswer['next']

/** The end of an attempt: a report, or a failure. */
@Injectable()
export class AttemptResultsService {
  constructor(
    private readonly access: AttemptAccess,
    private readonly attempts: AttemptsRepository,
    private readonly crashes: CrashRule,
    private readonly runs: RunsService,
    private readonly ledger: TaskLedger,
    private readonly reports: ReportIntake,
    @InjectConfiguration() private readonly configuration: ResultsConfiguration,
  ) {}

  /** Stores the first report of a run and ends the run with all its tasks, in one transaction. */
  report(credential: AttemptCredential, report: ReceivedReport): Promise<ReportAnswer> {
    return this.access.withAttempt(
      credential,
      async (tx, attempt): Promise<ReportAnswer> => {
        if (attempt.state === 'reported') return { outcome: 'already-stored' }
        const run = attempt.runId === null ? null : await this.runs.lock(tx, attempt.runId)
        if (run === null) throw new PharosError('report-invalid', 'Say which digest was resolved before reporting it.')
        if (report.header.image.digest !== run.digest)
          throw new PharosError('report-invalid', 'The report is of another digest than the one that was resolved.')
        await this.attempts.end(tx, attempt.id, 'reported')
        if (run.state !== 'open') return { outcome: 'already-stored' }
        const stored = await this.reports.store(tx, { report, run, attempt })
        if (stored.outcome === 'catalogue-only') {
          await this.runs.restart(tx, run.id)
          return { outcome: stored.outcome }
        }
        await this.runs.endForAll(tx, run.id, stored.state === 'succeeded' ? 'succeed' : 'succeedPartly', {
          digest: run.digest,
          outcomes: stored.outcomes,
          failure: null,
        })
        await this.attempts.forgetCrashes(tx, crashSubjects({ ...attempt.task, digest: run.digest }))
        return { outcome: stored.outcome }
      },
      { allowsReported: true, preparesStatements: true },
    )
  }

  /** Decides what follows from a failure: another attempt, the end of the task or of the whole run, or quarantine. */
  failed(credential: AttemptCredential, failure: AttemptFailure): Promise<AttemptFailureAnswer> {
    const reason = storableReason(failure.reason)
    return this.access.withAttempt(credential, async (tx, attempt) => {
      await this.attempts.end(tx, attempt.id, 'failed')
      return { next: await this.stepAfter(tx, attempt, reason, failure.retryAfterMs) }
    })
  }

  private async stepAfter(
    tx: Transaction,
    attempt: LockedAttempt,
    reason: FailureReason,
    retryAfterMs: number | null,
  ): Promise<FailureStep> {
    const { task } = attempt
    const verdict = verdictOf(reason.code)
    if (verdict === 'crash' && (await this.crashes.quarantineIfPoison(tx, attempt, reason))) return 'quarantined'
    if (verdict !== 'fail' && !hasEnded(task.state) && task.failures + 1 < this.configuration.scans.maxAttempts) {
      const retried = await this.ledger.transition(tx, 'retry', [task.id], {
        failure: reason,
        phase: 'queue',
        detail: null,
        countsFailure: true,
      })
      await this.ledger.nextAttempt(
        tx,
        retried.map((changed) => changed.id),
        backOffMs(task.failures + 1, retryAfterMs, Math.random()),
      )
      return 'retry'
    }
    const ended = await this.ledger.transition(tx, 'fail', [task.id], { failure: reason, countsFailure: true })
    // The followers of a cancelled leader have attempts of their own left.
    const concernsAll = !isOwnFailure(reason.code) && (verdict === 'fail' || !hasEnded(task.state))
    if (attempt.runId !== null && concernsAll) await this.runs.endForAll(tx, attempt.runId, 'fail', { failure: reason })
    else await this.runs.leave(tx, [task.id])
    return ended.length > 0 ? 'ended' : 'already-ended'
  }
}
