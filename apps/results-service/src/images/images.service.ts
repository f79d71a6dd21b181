import { Injectable } from '@nestjs/common'
import { PharosError, type Principal } from '@pharos/contracts'
import { visibleRepositories } from '../access/repository-scope.js'
import { AuditLog } from '../audit/audit-log.js'
import { CatalogueStore } from '../catalogues/catalogue-store.js'
import { Database, type Transaction } from '../database/transaction.js'
import { EventLog } from '../events/event-log.js'
import { ImageLocator } from './image-locator.js'
import { ImagesRepository } from './images.repository.js'

/** Removes images, and marks those that are gone from their registry. */
@Injectable()
export class ImagesService {
  constructor(
    private readonly images: ImagesRepository,
    private readonly locator: ImageLocator,
    private readonly catalogues: CatalogueStore,
    private readonly events: EventLog,
    private readonly audit: AuditLog,
    private readonly database: Database,
  ) {}

  /** Removes an image and all that is known of it; a later scan of it begins anew. */
  async remove(digest: string, principal: Principal): Promise<void> {
    const image = await this.locator.locate(digest, visibleRepositories(principal))
    await this.database.inTransaction(async (tx) => {
      const removed = await this.images.remove(tx, image)
      if (removed === null) throw new PharosError('not-found', 'The image was removed meanwhile.')
      await this.catalogues.remove(tx, image.digest)
      await this.audit.record(tx, principal, { action: 'image.remove', subject: image.digest })
      await this.events.append(tx, [{ type: 'image.removed', ...removed }])
    })
  }

  /** Marks images that their registry no longer has: they stay, with all that is known of them. */
  async markDeletedFromRegistry(tx: Transaction, digests: readonly string[]): Promise<void> {
    const marked = await this.images.markDeleted(tx, digests)
    await this.events.append(
      tx,
      marked.map((digest) => ({ type: 'image.deleted-from-registry', digest })),
    )
  }
}
