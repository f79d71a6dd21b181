import { WorkerHost } from '@nestjs/bullmq'
import type { OnApplicationBootstrap } from '@nestjs/common'
import { ScanJob } from '@pharos/contracts'
import type { JobRunner } from '@pharos/service-kit'
import { DelayedError, type Job } from 'bullmq'
import type { SlotKind, SlotPool } from '../slots/slot-pool.js'
import type { ScanAttemptService } from './scan-attempt.service.js'

/** A job that finds no free slot goes back at once, for another worker to take. */
const noSlotDelayMs = 250
/** A job whose attempt could not be claimed, because results-service is away, comes back later. */
const unreachableDelayMs = 2_000

/** A queue's consumer that holds no more jobs than it has slots for. */
export abstract class QueueWorker extends WorkerHost implements OnApplicationBootstrap {
  protected constructor(
    private readonly kind: SlotKind,
    private readonly slots: SlotPool,
    private readonly jobs: JobRunner,
    private readonly scans: ScanAttemptService,
  ) {
    super()
  }

  onApplicationBootstrap(): void {
    const adapt = (): void => {
      this.worker.concurrency = Math.max(1, this.slots.capacity(this.kind))
    }
    adapt()
    this.slots.onChange(adapt)
  }

  async process(job: Job, token?: string): Promise<void> {
    const slot = this.slots.tryTake(this.kind)
    if (slot === undefined) return putBack(job, token, noSlotDelayMs)
    let outcome
    try {
      outcome = await this.jobs.run(job, ScanJob, (payload) => this.scans.run(payload, slot.index))
    } finally {
      slot.release()
    }
    if (outcome === 'put-back') return putBack(job, token, unreachableDelayMs)
  }

  /** Takes no further job. */
  async stopTaking(): Promise<void> {
    await this.worker.pause(true)
  }
}

async function putBack(job: Job, token: string | undefined, delayMs: number): Promise<never> {
  await job.moveToDelayed(Date.now() + delayMs, token)
  throw new DelayedError()
}
