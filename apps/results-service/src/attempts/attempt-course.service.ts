import { Injectable } from '@nestjs/common'
import type { AttemptDeferral, AttemptProgress, ResolvedImage, ResolveDecision } from '@pharos/contracts'
import { InjectConfiguration } from '@pharos/service-kit'
import type { ResultsConfiguration } from '../configuration.js'
import type { Transaction } from '../database/transaction.js'
import { RunsService } from '../runs/runs.service.js'
import { ScanStorage } from '../runs/scan-storage.js'
import { TaskLedger } from '../tasks/task-ledger.js'
import { hasEnded } from '../tasks/task-state.js'
import { AttemptAccess, type AttemptCredential } from './attempt-access.js'
import { AttemptsRepository, type LockedAttempt } from './attempts.repository.js'

/** The course of a claimed attempt until it ends: progress, the resolved digest, giving it back. */
@Injectable()
export class AttemptCourseService {
  constructor(
    private readonly access: AttemptAccess,
    private readonly attempts: AttemptsRepository,
    private readonly runs: RunsService,
    private readonly ledger: TaskLedger,
    private readonly storage: ScanStorage,
    @InjectConfiguration() private readonly configuration: ResultsConfiguration,
  ) {}

  /** Renews the lease and notes the phase. `continue: false` ends the attempt: nobody waits for it. */
  progress(credential: AttemptCredential, { phase, detail }: AttemptProgress): Promise<{ continue: boolean; leaseMs: number }> {
    const { leaseMs } = this.configuration.scans
    return this.access.withAttempt(credential, async (tx, attempt) => {
      if (await this.endIfUnwanted(tx, attempt)) return { continue: false, leaseMs }
      await this.attempts.renew(tx, attempt.id, leaseMs)
      await this.ledger.progress(tx, { taskId: attempt.task.id, runId: attempt.runId }, phase, detail)
      return { continue: true, leaseMs }
    })
  }

  /** Takes the digest that the reference leads to, and decides whether this attempt scans it. */
  resolved(credential: AttemptCredential, image: ResolvedImage): Promise<ResolveDecision> {
    return this.access.withAttempt(credential, async (tx, attempt): Promise<ResolveDecision> => {
      const { task } = attempt
      if (await this.endIfUnwanted(tx, attempt)) return { decision: 'cancelled' }
      await this.storage.upsertResolved(tx, image)
      const decision = await this.runs.decide(tx, {
        taskId: task.id,
        digest: image.digest,
        engines: task.engines,
        generationIds: attempt.generationIds,
        sbomDigest: null,
        maxAgeMs: task.maxAgeMs,
        isForced: task.isForced,
        cataloguer: attempt.cataloguer,
      })
      if (decision.decision === 'run') await this.attempts.setRun(tx, attempt.id, decision.runId)
      else await this.attempts.end(tx, attempt.id, 'ended')
      return decision
    })
  }

  /** Gives the attempt back; the next one is due after the delay and counts as no failure. */
  deferred(credential: AttemptCredential, { delayMs }: AttemptDeferral): Promise<void> {
    return this.access.withAttempt(credential, async (tx, attempt) => {
      if (await this.endIfUnwanted(tx, attempt)) return
      await this.attempts.end(tx, attempt.id, 'deferred')
      const deferred = await this.ledger.transition(tx, 'defer', [attempt.task.id], { phase: 'queue', detail: null })
      await this.ledger.nextAttempt(
        tx,
        deferred.map((task) => task.id),
        delayMs,
      )
      // A cancelled task that led a run for others cannot come back for it.
      if (deferred.length === 0) await this.runs.leave(tx, [attempt.task.id])
    })
  }

  /** Ends the attempt of a cancelled task whose run nobody else waits for. */
  private async endIfUnwanted(tx: Transaction, attempt: LockedAttempt): Promise<boolean> {
    if (!hasEnded(attempt.task.state)) return false
    const run = attempt.runId === null ? null : await this.runs.lock(tx, attempt.runId)
    if (run?.state === 'open' && (await this.runs.isWanted(tx, run.id))) return false
    await this.attempts.end(tx, attempt.id, 'ended')
    if (run?.state === 'open') await this.runs.handOver(tx, run)
    return true
  }
}
