import { Injectable } from '@nestjs/common'
import type { ImageContext, ImageContextPage } from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { ImageLocator } from '../images/image-locator.js'
import { originalText } from '../inventory/stored-text.js'
import { type ContextRow, ContextsRepository, type EnrichmentRow } from './contexts.repository.js'

/** Lists contexts of images. */
@Injectable()
export class ContextsService {
  constructor(
    private readonly contexts: ContextsRepository,
    private readonly locator: ImageLocator,
  ) {}

  /** Throws `not-found`. */
  async list(digest: string, scope: VisibleRepositories): Promise<ImageContextPage> {
    const image = await this.locator.locate(digest, scope)
    const enrichment = await this.contexts.enrichment(image, scope)
    const found = await this.contexts.list(image, scope)
    return {
      items: found.map(contextOf),
      nextCursor: null,
      enrichment: {
        state: stateOf(enrichment),
        dueSince: enrichment.due_since?.toISOString() ?? null,
        problem: enrichment.problem && originalText(enrichment.problem),
      },
    }
  }
}

function stateOf({ is_active, due_since, problem, has_error }: EnrichmentRow): NonNullable<ImageContextPage['enrichment']>['state'] {
  if (!is_active) return 'none'
  if (due_since !== null) return 'pending'
  return problem === null && !has_error ? 'current' : 'failed'
}

function contextOf(row: ContextRow): ImageContext {
  const context = {
    key: originalText(row.key),
    owner: originalText(row.owner),
    data: row.data ?? {},
    updatedAt: row.updated_at.toISOString(),
  }
  if (row.set_id === null) return context
  return {
    ...context,
    state: row.is_due ? 'pending' : row.error === null ? 'current' : 'failed',
    ...(row.error === null ? {} : { error: row.error }),
    ...(row.failed_at === null ? {} : { failedAt: row.failed_at.toISOString() }),
    setId: row.set_id,
    ...(row.workload_id === null ? {} : { workload: row.workload_id }),
  }
}
