import { Injectable } from '@nestjs/common'
import type { ExpireAnswer } from '@pharos/contracts'
import { InjectConfiguration, PharosLogger } from '@pharos/service-kit'
import type { ResultsConfiguration } from '../configuration.js'
import { Database } from '../database/transaction.js'
import { GenerationStore } from '../generations/generation-store.js'
import { RetentionService } from '../retention/retention.service.js'
import { ExpiryRepository } from './expiry.repository.js'

const dayMs = 24 * 3_600_000
/** Removals over the inventory stop here and go on with the next call: who asked waits for the answer. */
const retentionLimitMs = 10_000

/** Removes what has had its time. */
@Injectable()
export class ExpiryService {
  constructor(
    private readonly database: Database,
    private readonly expiry: ExpiryRepository,
    private readonly generations: GenerationStore,
    private readonly retention: RetentionService,
    private readonly logger: PharosLogger,
    @InjectConfiguration() private readonly configuration: ResultsConfiguration,
  ) {}

  /** Runs every removal and says how many rows each took, and whether another call has more to do. */
  async expire(): Promise<ExpireAnswer> {
    const { taskRetentionMs, auditRetentionMs } = this.configuration.upkeep
    const removed = {
      tasks: await this.expiry.endedTasks(taskRetentionMs),
      runs: await this.expiry.endedRuns(taskRetentionMs),
      tokens: await this.expiry.revokedTokens(taskRetentionMs),
      idempotencyKeys: await this.expiry.idempotencyKeys(dayMs),
      auditEntries: await this.expiry.auditEntries(auditRetentionMs),
      workers: await this.expiry.workers(dayMs),
      crashCounts: await this.expiry.crashCounts(dayMs),
      postedSboms: await this.expiry.postedSboms(dayMs),
      generationArchives: await this.database.inTransaction((tx) => this.generations.expire(tx, new Date(Date.now() - dayMs))),
    }
    const round = await this.retention.run(retentionLimitMs)
    const all = { ...removed, ...round.removed }
    this.logger.info('expiry done', { removed: all, hasMore: round.hasMore })
    return { removed: all, hasMore: round.hasMore }
  }
}
