import { Injectable } from '@nestjs/common'
import { type ClaimAttempt, type ClaimedAttempt, PharosError } from '@pharos/contracts'
import { InjectConfiguration } from '@pharos/service-kit'
import type { ResultsConfiguration } from '../configuration.js'
import { Database, type Transaction } from '../database/transaction.js'
import { type RunDecision, RunsService } from '../runs/runs.service.js'
import { TaskLedger } from '../tasks/task-ledger.js'
import { hasEnded } from '../tasks/task-state.js'
import { issueToken } from './attempt-token.js'
import { AttemptsRepository, type LockedAttempt } from './attempts.repository.js'
import { type ClaimGround, ClaimGrounds } from './claim-grounds.js'
import { LostAttemptsService } from './lost-attempts.service.js'

type Dropped = Extract<ClaimedAttempt, { outcome: 'dropped' }>

const defaultPlatform = 'linux/amd64'

/** Gives attempts to workers. */
@Injectable()
export class AttemptClaimsService {
  constructor(
    private readonly database: Database,
    private readonly attempts: AttemptsRepository,
    private readonly lostAttempts: LostAttemptsService,
    private readonly ledger: TaskLedger,
    private readonly runs: RunsService,
    private readonly ground: ClaimGrounds,
    @InjectConfiguration() private readonly configuration: ResultsConfiguration,
  ) {}

  /** Answers `claimed` to the one worker that may work, with a new token; `dropped` with the reason to everybody else. */
  async claim(request: ClaimAttempt): Promise<ClaimedAttempt> {
    return this.database.inTransaction(async (tx) => {
      const task = await this.attempts.lockTask(tx, request.taskId)
      if (task === null) return dropped('unknown-task')
      const attempt = await this.attempts.lockAttempt(tx, task, { number: request.attempt })
      if (attempt === null) return dropped('unknown-task')
      const refusal = await this.refusalOf(tx, attempt, request.workerId)
      return refusal === null ? this.take(tx, attempt, request) : dropped(refusal)
    })
  }

  private async refusalOf(tx: Transaction, attempt: LockedAttempt, workerId: string): Promise<Dropped['reason'] | null> {
    const { task } = attempt
    if (attempt.state === 'claimed') {
      if (attempt.isLeaseOver) {
        // Nobody gets a lost attempt back: its successor has a job of its own.
        await this.lostAttempts.lose(tx, attempt)
        return 'superseded'
      }
      return attempt.workerId === workerId && attempt.number === task.attempts ? null : 'held'
    }
    if (hasEnded(task.state)) return 'task-ended'
    if (attempt.state !== 'ready' || attempt.number !== task.attempts) return 'superseded'
    if (!task.isPaused) return null
    // The job is used up; the next attempt waits in the outbox until the pause is over.
    await this.attempts.end(tx, attempt.id, 'ended')
    await this.attempts.leaveOutbox(tx, task.id, attempt.number)
    await this.ledger.nextAttempt(tx, [task.id])
    return 'paused'
  }

  private async take(tx: Transaction, attempt: LockedAttempt, request: ClaimAttempt): Promise<ClaimedAttempt> {
    const { task } = attempt
    const isRepeated = attempt.state === 'claimed'
    let ground: ClaimGround
    try {
      ground = await this.ground.of(tx, task)
    } catch (error) {
      if (!(error instanceof PharosError) || error.isRetryable) throw error
      await this.giveUp(tx, attempt, error)
      return dropped('task-ended')
    }
    const { token, hash } = issueToken()
    const { leaseMs } = this.configuration.scans
    const generationIds = ground.generations.map((generation) => generation.id)
    await this.attempts.claim(tx, attempt.id, {
      tokenHash: hash,
      workerId: request.workerId,
      cataloguer: request.cataloguer,
      generationIds,
      leaseMs,
    })
    await this.attempts.leaveOutbox(tx, task.id, attempt.number)
    if (!isRepeated) await this.ledger.transition(tx, 'claim', [task.id], { phase: 'resolve', detail: null })
    const digest = task.sbomDigest ?? ground.resolved?.digest ?? null
    const decision: RunDecision | null =
      digest === null
        ? null
        : await this.runs.decide(tx, {
            taskId: task.id,
            digest,
            engines: task.engines,
            generationIds,
            sbomDigest: task.sbomDigest,
            maxAgeMs: task.maxAgeMs,
            isForced: task.isForced,
            cataloguer: request.cataloguer,
          })
    if (decision !== null && decision.decision !== 'run') {
      await this.attempts.end(tx, attempt.id, 'ended')
      return dropped(decision.decision === 'fresh' ? 'task-ended' : 'superseded')
    }
    if (decision !== null) await this.attempts.setRun(tx, attempt.id, decision.runId)
    return {
      outcome: 'claimed',
      attemptId: attempt.id,
      token,
      leaseMs,
      task: {
        id: task.id,
        reference: task.sbomDigest === null ? task.image : null,
        platform: task.platform ?? ground.resolved?.platform ?? defaultPlatform,
        engines: task.engines,
        priority: task.priority,
        cause: task.cause,
        force: task.isForced,
        sbomDigest: task.sbomDigest,
      },
      resolved: ground.resolved,
      runId: decision?.runId ?? null,
      hasCatalogue: decision?.hasCatalogue ?? false,
      generations: ground.generations,
      registry: ground.registry,
    }
  }

  private async giveUp(tx: Transaction, attempt: LockedAttempt, error: PharosError): Promise<void> {
    await this.attempts.end(tx, attempt.id, 'failed')
    await this.attempts.leaveOutbox(tx, attempt.task.id, attempt.number)
    await this.ledger.transition(tx, 'claim', [attempt.task.id])
    await this.ledger.transition(tx, 'fail', [attempt.task.id], { failure: { code: error.code, detail: error.detail } })
    await this.runs.leave(tx, [attempt.task.id])
  }
}

function dropped(reason: Dropped['reason']): Dropped {
  return { outcome: 'dropped', reason }
}
