import { Injectable } from '@nestjs/common'
import { Metrics, PharosLogger } from '@pharos/service-kit'
import type { LockedAttempt } from './attempts.repository.js'

/** Says that an attempt was lost. */
@Injectable()
export class LostAttemptsReporting {
  private readonly counter

  constructor(
    private readonly logger: PharosLogger,
    metrics: Metrics,
  ) {
    this.counter = metrics.counter({ name: 'pharos_attempts_lost_total', help: 'Attempts whose worker stopped answering.' })
  }

  report(attempt: LockedAttempt): void {
    this.logger.warn('attempt lost', { taskId: attempt.task.id, attempt: attempt.number, workerId: attempt.workerId })
    this.counter.inc()
  }
}
