import { Injectable } from '@nestjs/common'
import { type ImageDetail, PharosError } from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { CatalogueStore } from '../catalogues/catalogue-store.js'
import { Database } from '../database/transaction.js'
import { ImageLocator } from './image-locator.js'
import { imageDetailOf } from './image-mapping.js'
import { ImageVerdicts } from './image-verdicts.js'
import { ImagesRepository } from './images.repository.js'

/** One image as the API shows it. */
@Injectable()
export class ImageView {
  constructor(
    private readonly locator: ImageLocator,
    private readonly images: ImagesRepository,
    private readonly catalogues: CatalogueStore,
    private readonly verdicts: ImageVerdicts,
    private readonly database: Database,
  ) {}

  /** By the digest of a manifest, index or configuration. Throws `not-found`. */
  async detail(digest: string, scope: VisibleRepositories): Promise<ImageDetail> {
    const located = await this.locator.locate(digest, scope)
    const [row, summaries] = await Promise.all([this.images.detail(located.id, scope), this.images.summaries([String(located.id)])])
    if (row === null) throw new PharosError('not-found', 'The image was removed.')
    const identity = row.cataloguer && {
      cataloguer: row.cataloguer.cataloguer,
      version: row.cataloguer.version,
      configuration: row.cataloguer.configuration,
    }
    const catalogue = await this.catalogues.find(this.database.runner, located.digest, identity)
    const engines = summaries.get(row.id) ?? []
    return imageDetailOf(row, engines, this.verdicts.of(row, engines), catalogue)
  }
}
