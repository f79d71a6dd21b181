import { Injectable } from '@nestjs/common'
import { type ImagePage, type ListImagesQuery, PharosError, type Principal, type Severity } from '@pharos/contracts'
import { visibleRepositories } from '../access/repository-scope.js'
import { AuditLog } from '../audit/audit-log.js'
import { CatalogueStore } from '../catalogues/catalogue-store.js'
import { decodeCursor, pageOfRows } from '../database/keyset.js'
import { Database, type Transaction } from '../database/transaction.js'
import { EventLog } from '../events/event-log.js'
import { severities } from '../inventory/column-codes.js'
import { likeOfSearch } from '../inventory/text-pattern.js'
import { ImageLocator } from './image-locator.js'
import { imageSummaryOf } from './image-mapping.js'
import { type ImageRow, type ImageSort, ImagesRepository } from './images.repository.js'

const keyOf: Readonly<Record<ImageSort, (row: ImageRow) => [string | number, string | null]>> = {
  '-lastScanned': (row) => [row.last_scanned_at.toISOString(), row.id],
  '-risk': (row) => [row.max_risk, row.id],
  digest: (row) => [row.digest, null],
}

/** Lists and removes images. */
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

  async list(query: ListImagesQuery, principal: Principal): Promise<ImagePage> {
    const list = { list: 'images', sort: JSON.stringify([query.sort, query.search, query.severity]) }
    const found = await this.images.list({
      scope: visibleRepositories(principal),
      search: query.search === undefined ? null : likeOfSearch(query.search),
      severities: severitiesOf(query.severity),
      sort: query.sort,
      after: decodeCursor(list, query.cursor, 2),
      limit: query.limit + 1,
    })
    const summaries = await this.images.summaries(found.map(({ id }) => id))
    return pageOfRows(list, found, query.limit, keyOf[query.sort], (row) => imageSummaryOf(row, summaries.get(row.id) ?? []))
  }

  /** Removes an image and all that is known of it; a later scan of it begins anew. */
  async remove(digest: string, principal: Principal): Promise<void> {
    const image = await this.locator.locate(digest, visibleRepositories(principal))
    await this.database.inTransaction(async (tx) => {
      if (!(await this.images.remove(tx, image))) throw new PharosError('not-found', 'The image was removed meanwhile.')
      await this.catalogues.remove(tx, image.digest)
      await this.audit.record(tx, principal, { action: 'image.remove', subject: image.digest })
      await this.events.append(tx, [{ type: 'image.removed', digest: image.digest }])
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

function severitiesOf(list: string | undefined): Severity[] | null {
  if (list === undefined) return null
  return list.split(',').map((item) => {
    const severity = severities.find((known) => known === item.trim())
    if (severity === undefined) throw new PharosError('filter-invalid', `severity: "${item.trim().slice(0, 50)}" is not known.`)
    return severity
  })
}
