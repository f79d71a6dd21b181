import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common'
import { InjectConfiguration, PharosLogger, pollUntil, PollTimeoutError } from '@pharos/service-kit'
import type { WorkerConfiguration } from '../configuration.js'
import { InteractiveScanConsumer } from './interactive-scan.consumer.js'
import { ScanAttemptService } from './scan-attempt.service.js'
import { SharedScanConsumer } from './shared-scan.consumer.js'

/** Part of the grace time that is kept for giving attempts back. */
const givingBackShare = 0.3
const givingBackLongestMs = 5_000

/** Ends the scans of a worker that is told to end: they finish within the grace time, the rest goes back to its queue. */
@Injectable()
export class ScanDrain implements BeforeApplicationShutdown {
  constructor(
    private readonly interactive: InteractiveScanConsumer,
    private readonly shared: SharedScanConsumer,
    private readonly scans: ScanAttemptService,
    private readonly logger: PharosLogger,
    @InjectConfiguration() private readonly configuration: WorkerConfiguration,
  ) {}

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all([this.interactive.stopTaking(), this.shared.stopTaking()])
    const { graceMs } = this.configuration.shutdown
    const givingBackMs = Math.min(givingBackLongestMs, graceMs * givingBackShare)
    if (await this.idleWithin(graceMs - givingBackMs)) return
    this.logger.info('drain giving back', { attempts: this.scans.runningCount })
    this.scans.drain()
    await this.idleWithin(givingBackMs)
  }

  private async idleWithin(timeoutMs: number): Promise<boolean> {
    try {
      await pollUntil(() => this.scans.runningCount === 0, { timeoutMs, intervalMs: 20, what: 'the end of the running scans' })
      return true
    } catch (error) {
      if (error instanceof PollTimeoutError) return false
      throw error
    }
  }
}
