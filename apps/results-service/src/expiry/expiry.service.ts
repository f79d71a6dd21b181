import { Injectable } from '@nestjs/common'
import { InjectConfiguration, PharosLogger } from '@pharos/service-kit'
import type { ResultsConfiguration } from '../configuration.js'
import { Database } from '../database/transaction.js'
import { GenerationStore } from '../generations/generation-store.js'
import { ExpiryRepository } from './expiry.repository.js'

const dayMs = 24 * 3_600_000

/** Removes what has had its time. */
@Injectable()
export class ExpiryService {
  constructor(
    private readonly database: Database,
    private readonly expiry: ExpiryRepository,
    private readonly generations: GenerationStore,
    private readonly logger: PharosLogger,
    @InjectConfiguration() private readonly configuration: ResultsConfiguration,
  ) {}

  /** Runs every removal and says how many rows each took. */
  async expire(): Promise<Record<string, number>> {
    const { taskRetentionMs, eventRetentionMs, auditRetentionMs } = this.configuration.upkeep
    const removed = {
      tasks: await this.expiry.endedTasks(taskRetentionMs),
      runs: await this.expiry.endedRuns(taskRetentionMs),
      tokens: await this.expiry.revokedTokens(taskRetentionMs),
      idempotencyKeys: await this.expiry.idempotencyKeys(dayMs),
      events: await this.expiry.events(eventRetentionMs),
      auditEntries: await this.expiry.auditEntries(auditRetentionMs),
      workers: await this.expiry.workers(dayMs),
      crashCounts: await this.expiry.crashCounts(dayMs),
      postedSboms: await this.expiry.postedSboms(dayMs),
      generationArchives: await this.database.inTransaction((tx) => this.generations.expire(tx, new Date(Date.now() - dayMs))),
    }
    this.logger.info('expiry done', { removed })
    return removed
  }
}
