import { Injectable } from '@nestjs/common'
import { type Clock, InjectClock, InjectConfiguration } from '@pharos/service-kit'
import { CatalogueStore } from '../catalogues/catalogue-store.js'
import type { ResultsConfiguration } from '../configuration.js'
import { Database } from '../database/transaction.js'
import { EventLog } from '../events/event-log.js'
import { removeImages } from '../images/image-removal.js'
import { stopIngest } from '../rematches/ingest-lock.js'
import { ImageRetentionRepository } from './image-retention.repository.js'
import type { RetentionProgress, RetentionStep } from './retention-step.js'

/** Images that go in one transaction, with some thousand findings each. */
const imageBatch = 20
const sbomBatch = 50
/** A new cataloguer's SBOM stands beside the former one until its report is stored. */
const supersededAgeMs = 24 * 3_600_000

/** Removes images that nobody asks for, and SBOMs that a later one has taken the place of. */
@Injectable()
export class ImageRetention {
  constructor(
    private readonly database: Database,
    private readonly images: ImageRetentionRepository,
    private readonly catalogues: CatalogueStore,
    private readonly events: EventLog,
    @InjectClock() private readonly clock: Clock,
    @InjectConfiguration() private readonly configuration: Pick<ResultsConfiguration, 'retention'>,
  ) {}

  steps(): RetentionStep[] {
    const { imageAgeMs } = this.configuration.retention
    const superseded = this.before(supersededAgeMs)
    const sboms: RetentionStep = {
      name: 'supersededSboms',
      count: () => this.images.countSuperseded(superseded),
      remove: () => this.removeSuperseded(superseded),
    }
    if (imageAgeMs === 0) return [sboms]
    const unused = this.before(imageAgeMs)
    return [{ name: 'images', count: () => this.images.countUnused(unused), remove: () => this.removeUnused(unused) }, sboms]
  }

  private removeUnused(since: Date): Promise<RetentionProgress> {
    return this.database.inTransaction(async (tx) => {
      // A report that is being stored for one of them would leave rows behind that lead nowhere.
      await stopIngest(tx)
      const chosen = await this.images.unused(tx, since, imageBatch)
      const removed = await removeImages(
        tx,
        chosen.map(({ id }) => id),
      )
      for (const { digest } of removed) await this.catalogues.remove(tx, digest)
      await this.events.append(
        tx,
        removed.map((image) => ({ type: 'image.removed', ...image })),
      )
      return { removed: removed.length, isDone: chosen.length < imageBatch }
    })
  }

  private removeSuperseded(before: Date): Promise<RetentionProgress> {
    return this.database.inTransaction(async (tx) => {
      const chosen = await this.images.superseded(tx, before, sbomBatch)
      await this.catalogues.removeById(
        tx,
        chosen.map(({ id }) => id),
      )
      return { removed: chosen.length, isDone: chosen.length < sbomBatch }
    })
  }

  private before(ageMs: number): Date {
    return new Date(this.clock.nowMs() - ageMs)
  }
}
