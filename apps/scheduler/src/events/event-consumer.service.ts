import { Injectable } from '@nestjs/common'
import type { LoggedEvent } from '@pharos/contracts'
import { PharosLogger } from '@pharos/service-kit'
import { RescanService } from '../rescans/rescan.service.js'
import { ResultsClient } from '../results/results.client.js'

const consumer = 'scheduler'

/** Acts on events: a new database has every image matched again. The cursor moves only once that has been asked for. */
@Injectable()
export class EventConsumerService {
  constructor(
    private readonly results: ResultsClient,
    private readonly rescans: RescanService,
    private readonly logger: PharosLogger,
  ) {}

  /** Deals with what has happened since the last time; answers how many events that were. */
  async consume(): Promise<number> {
    const { items } = await this.results.readEvents({ consumer, from: 'start', limit: 200 })
    for (const event of items) await this.react(event)
    const last = items.at(-1)
    if (last !== undefined) await this.results.acknowledgeEvents({ consumer, cursor: last.cursor })
    return items.length
  }

  private async react({ body }: LoggedEvent): Promise<void> {
    if (body.type !== 'database.activated') return
    const images = await this.rescans.rescanForDatabase(body)
    this.logger.info('rescans enqueued', { engine: body.engine, generation: body.generationId, images })
  }
}
