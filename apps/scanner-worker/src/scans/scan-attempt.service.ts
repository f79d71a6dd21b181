import { Injectable } from '@nestjs/common'
import { type AttemptDeferral, type FailureReason, PharosError, type ScanJob } from '@pharos/contracts'
import { WorkDirectories } from '@pharos/scanners'
import { PharosLogger } from '@pharos/service-kit'
import { WorkerMetrics } from '../metrics/worker-metrics.js'
import { RegistryLimitError } from '../registries/registry-limit-error.js'
import { ResultsClient } from '../results/results.client.js'
import { AttemptFactory } from './attempt-factory.js'
import { AttemptEndedError, type AttemptLease } from './attempt-lease.js'
import { Patience } from './patience.js'
import type { Claim, ScanAttempt } from './scan-attempt.js'
import { ScanPipeline } from './scan-pipeline.js'

/** What becomes of the job: it is over, or results-service could not be asked and it goes back to its queue. */
export type JobOutcome = 'done' | 'put-back'

/** How long the last word of an attempt is tried to be said. */
const lastWordMs = 20_000
const longestDeferralMs = 86_400_000

/** Takes up the attempt that a job names, runs it, and tells results-service how it ended. */
@Injectable()
export class ScanAttemptService {
  private readonly running = new Set<AttemptLease>()

  constructor(
    private readonly results: ResultsClient,
    private readonly attempts: AttemptFactory,
    private readonly pipeline: ScanPipeline,
    private readonly patience: Patience,
    private readonly workDirectories: WorkDirectories,
    private readonly metrics: WorkerMetrics,
    private readonly logger: PharosLogger,
  ) {}

  async run(job: ScanJob, slotIndex: number): Promise<JobOutcome> {
    const claim = await this.claim(job)
    if (claim === 'unreachable') return 'put-back'
    if (claim === 'dropped') return 'done'
    const attempt = await this.attempts.create(claim, slotIndex)
    this.running.add(attempt.lease)
    try {
      const outcome = await this.pipeline.run(attempt)
      this.metrics.attemptEnded(outcome)
      this.logger.info('scan ended', { outcome })
    } catch (error) {
      await this.settle(attempt, error)
    } finally {
      await attempt.lease.stop()
      this.running.delete(attempt.lease)
      await attempt.registry.close().catch((error: unknown) => this.logger.warn('permit unreleased', { error }))
      await this.workDirectories.remove(attempt.workDirectory)
    }
    return 'done'
  }

  /** Attempts in hand. */
  get runningCount(): number {
    return this.running.size
  }

  /** Gives every attempt in hand back: this worker ends. */
  drain(): void {
    for (const lease of this.running) lease.finish('drain')
  }

  private async claim(job: ScanJob): Promise<Claim | 'dropped' | 'unreachable'> {
    try {
      const claim = await this.results.claim(this.attempts.claimOf(job))
      if (claim.outcome === 'claimed') return claim
      this.logger.info('job dropped', { reason: claim.reason, attempt: job.attempt })
      this.metrics.attemptEnded(`dropped-${claim.reason}`)
      return 'dropped'
    } catch (error) {
      if (!(error instanceof PharosError)) throw error
      this.logger.warn('claim failed', { error })
      return 'unreachable'
    }
  }

  private async settle(attempt: ScanAttempt, error: unknown): Promise<void> {
    const { lease } = attempt
    const ended = lease.end
    if (ended === 'superseded' || ended === 'lease-lost') {
      this.metrics.attemptEnded(ended)
      this.logger.warn('attempt lost', { reason: ended, phase: lease.phase })
      return
    }
    if (ended === 'drain') return this.defer(attempt, { delayMs: 0, reason: 'drain' })
    if (error instanceof RegistryLimitError) {
      this.logger.info('registry limit reached', { registry: error.registry, decision: error.decision, retryAfterMs: error.retryAfterMs })
      return this.defer(attempt, { delayMs: Math.min(longestDeferralMs, Math.ceil(error.retryAfterMs)), reason: 'registry-limit' })
    }
    await this.fail(
      attempt,
      ended === 'cancelled' ? new PharosError('cancelled', 'Nobody waits for this scan any more.') : toProblem(error),
    )
  }

  private async defer(attempt: ScanAttempt, deferral: AttemptDeferral): Promise<void> {
    this.metrics.attemptEnded(`deferred-${deferral.reason}`)
    this.logger.info('attempt deferred', { ...deferral })
    await this.lastWord(attempt, () => this.results.deferred(attempt.key, deferral))
  }

  private async fail(attempt: ScanAttempt, problem: PharosError): Promise<void> {
    this.metrics.attemptEnded(problem.code)
    const { phase } = attempt.lease
    this.logger.log(problem.logLevel, 'attempt failed', { phase, code: problem.code, error: problem })
    await this.lastWord(attempt, async () => {
      const { next } = await this.results.failed(attempt.key, {
        reason: reasonOf(problem),
        phase,
        retryAfterMs: problem.retryAfterMs ?? null,
      })
      this.logger.debug('failure recorded', { next })
    })
  }

  /** What cannot be said is found out by results-service when the lease is over. */
  private async lastWord(attempt: ScanAttempt, say: () => Promise<void>): Promise<void> {
    await attempt.lease.stop()
    try {
      await this.patience.until(AbortSignal.timeout(lastWordMs), say)
    } catch (error) {
      this.logger.warn('attempt unsettled', { error })
    }
  }
}

function toProblem(error: unknown): PharosError {
  if (error instanceof PharosError) return error
  const code = (error as NodeJS.ErrnoException | null)?.code
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new PharosError('disk-full', 'There is no room on the disk of the worker.', { cause: error })
  if (error instanceof AttemptEndedError) return new PharosError('worker-lost', error.message, { cause: error })
  return new PharosError('internal-error', 'The worker failed in a way that it does not know.', { cause: error })
}

function reasonOf(problem: PharosError): FailureReason {
  return {
    code: problem.code,
    detail: problem.detail.slice(0, 2000),
    ...(problem.paths === undefined ? {} : { paths: problem.paths.slice(0, 200) }),
  }
}
