import { Processor } from '@nestjs/bullmq'
import { scanQueues } from '@pharos/contracts'
import { JobRunner } from '@pharos/service-kit'
import { SlotPool } from '../slots/slot-pool.js'
import { QueueWorker } from './queue-worker.js'
import { ScanAttemptService } from './scan-attempt.service.js'

/** CI and background scans, by priority: they never take the interactive slots. */
@Processor(scanQueues.shared.name)
export class SharedScanConsumer extends QueueWorker {
  constructor(slots: SlotPool, jobs: JobRunner, scans: ScanAttemptService) {
    super('shared', slots, jobs, scans)
  }
}
