import { Injectable } from '@nestjs/common'
import type { ImageContext } from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import type { Page } from '../database/keyset.js'
import { ImageLocator } from '../images/image-locator.js'
import { ContextStore } from './context-store.js'

/** Lists contexts of images. */
@Injectable()
export class ContextsService {
  constructor(
    private readonly contexts: ContextStore,
    private readonly locator: ImageLocator,
  ) {}

  async list(digest: string, scope: VisibleRepositories): Promise<Page<ImageContext>> {
    const image = await this.locator.locate(digest, scope)
    return { items: await this.contexts.list(image.digest), nextCursor: null }
  }
}
