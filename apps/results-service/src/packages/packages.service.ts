import { Injectable } from '@nestjs/common'
import type { ImagePackage, ListPackagesQuery } from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { decodeCursor, type Page, pageOfRows } from '../database/keyset.js'
import { ImageLocator } from '../images/image-locator.js'
import { storedText } from '../inventory/stored-text.js'
import { likeOfGlob } from '../inventory/text-pattern.js'
import { imagePackageOf } from './package-view.js'
import { PackagesRepository } from './packages.repository.js'

/** Lists packages of images. */
@Injectable()
export class PackagesService {
  constructor(
    private readonly packages: PackagesRepository,
    private readonly locator: ImageLocator,
  ) {}

  async list(digest: string, query: ListPackagesQuery, scope: VisibleRepositories): Promise<Page<ImagePackage>> {
    const image = await this.locator.locate(digest, scope)
    const list = { list: 'packages', sort: JSON.stringify([image.digest, query.type, query.name]) }
    const filter = {
      types: query.type?.split(',').map((item) => storedText(item.trim())) ?? null,
      nameLike: query.name === undefined ? null : likeOfGlob(query.name),
    }
    const found = await this.packages.list(image.id, filter, decodeCursor(list, query.cursor, ['text', 'uuid']), query.limit + 1)
    return pageOfRows(list, found, query.limit, (row) => [row.sort_name, row.occurrence], imagePackageOf)
  }
}
