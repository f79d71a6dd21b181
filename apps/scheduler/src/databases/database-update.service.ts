import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { Injectable } from '@nestjs/common'
import type { DatabaseGeneration } from '@pharos/contracts'
import { InjectConfiguration } from '@pharos/service-kit'
import type { SchedulerConfiguration } from '../configuration.js'
import { ResultsClient } from '../results/results.client.js'
import { DatabaseFeedClient } from './database-feed.client.js'
import type { OfferedDatabase } from './database-feed.js'
import { DatabaseWorkspace } from './database-workspace.js'

/** Brings newer databases in from the feed, as candidates. */
@Injectable()
export class DatabaseUpdateService {
  constructor(
    private readonly feed: DatabaseFeedClient,
    private readonly results: ResultsClient,
    private readonly workspace: DatabaseWorkspace,
    @InjectConfiguration() private readonly configuration: SchedulerConfiguration,
  ) {}

  async update(signal: AbortSignal): Promise<string> {
    if (!this.configuration.databases.isUpdateEnabled) return 'updates are switched off'
    const offered = await this.feed.offered(signal)
    const known = (await Promise.all((['active', 'matching', 'candidate'] as const).map((state) => this.results.generations(state))))
      .flatMap(({ items }) => items)
      .filter((generation) => generation.engine === 'grype')
    const reason = whyNotNeeded(offered, known)
    if (reason !== null) return reason
    return this.workspace.use('download', async (directory) => {
      const file = join(directory, 'archive')
      await this.feed.download(offered, file, signal)
      const generation = await this.results.createGeneration({
        engine: 'grype',
        source: 'feed',
        checksum: offered.sha256,
        fileName: offered.fileName,
      })
      await this.results.uploadArchive(generation.id, createReadStream(file), this.configuration.databases.downloadTimeoutMs)
      return `a database of ${new Date(offered.builtAtMs).toISOString()} was brought in`
    })
  }
}

/** A sentence when the offered database is known or not newer; null when it is wanted. */
export function whyNotNeeded(offered: OfferedDatabase, known: readonly DatabaseGeneration[]): string | null {
  if (known.some((generation) => generation.checksum === offered.sha256)) return 'the newest database is known'
  const newestMs = Math.max(
    Number.NEGATIVE_INFINITY,
    ...known.map((generation) => (generation.builtAt === null ? Number.NEGATIVE_INFINITY : Date.parse(generation.builtAt))),
  )
  return offered.builtAtMs > newestMs ? null : 'the feed offers nothing newer than what is here'
}
