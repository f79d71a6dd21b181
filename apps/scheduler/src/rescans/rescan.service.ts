import { Injectable } from '@nestjs/common'
import type { EventBody } from '@pharos/contracts'
import { type Clock, InjectClock, InjectConfiguration } from '@pharos/service-kit'
import type { SchedulerConfiguration } from '../configuration.js'
import { ResultsClient } from '../results/results.client.js'

/** Images in one request; the transaction behind it stays short. */
const rescanBatch = 1000

/** Asks for background rescans of stored images. */
@Injectable()
export class RescanService {
  constructor(
    private readonly results: ResultsClient,
    @InjectConfiguration() private readonly configuration: SchedulerConfiguration,
    @InjectClock() private readonly clock: Clock,
  ) {}

  /** Images whose last scan is too old. */
  async rescanOld(): Promise<string> {
    const notScannedSince = new Date(this.clock.nowMs() - this.configuration.rescans.afterMs).toISOString()
    const affected = await this.enqueueAll({ cause: 'schedule', notScannedSince })
    return `${affected} images are scanned again`
  }

  /** Images that were matched with another database than the one that is active now. */
  async rescanForDatabase(event: Extract<EventBody, { type: 'database.activated' }>): Promise<number> {
    return this.enqueueAll({ cause: 'database', generationId: event.generationId, engine: event.engine })
  }

  private async enqueueAll(request: Parameters<ResultsClient['enqueueRescans']>[0]): Promise<number> {
    let total = 0
    for (;;) {
      // An image that has a rescan waiting is not asked for again, so the rounds come to an end.
      const { affected } = await this.results.enqueueRescans({ ...request, limit: rescanBatch })
      total += affected
      if (affected < rescanBatch) return total
    }
  }
}
