import type { Watch } from '@pharos/contracts'
import type { WatchRow } from './watches.repository.js'

/** A stored watch as the API shows it; its notification token is shown once, when it is made. */
export function toWatch(row: WatchRow, notificationToken: string | null = null): Watch {
  return {
    id: row.id,
    repository: row.repository,
    tags: row.tags,
    platforms: row.platforms,
    every: row.every,
    maxTags: row.maxTags,
    createdAt: row.createdAt.toISOString(),
    lastRunAt: row.lastRunAt?.toISOString() ?? null,
    nextRunAt: row.nextRunAt?.toISOString() ?? null,
    lastProblem: row.lastProblem,
    knownTags: row.knownTags,
    notificationToken,
  }
}
