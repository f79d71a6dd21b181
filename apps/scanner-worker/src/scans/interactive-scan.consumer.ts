import { Processor } from '@nestjs/bullmq'
import { scanQueues } from '@pharos/contracts'
import { JobRunner } from '@pharos/service-kit'
import { SlotPool } from '../slots/slot-pool.js'
import { QueueWorker } from './queue-worker.js'
import { ScanAttemptService } from './scan-attempt.service.js'

/** Scans that somebody waits for: they may take any free slot. */
@Processor(scanQueues.interactive.name)
export class InteractiveScanConsumer extends QueueWorker {
  constructor(slots: SlotPool, jobs: JobRunner, scans: ScanAttemptService) {
    super('interactive', slots, jobs, scans)
  }
}
