import { Injectable } from '@nestjs/common'
import { type ClaimedSchedule, PharosError } from '@pharos/contracts'
import { createRegistryClient, parseRepository, registryClientOptions, type RegistryClient } from '@pharos/registry'
import { ResultsClient } from '../results/results.client.js'
import { isWatchedTag } from './tag-pattern.js'

/** Digests that are asked for at once; registries limit their callers. */
const parallelHeads = 4

/** Resolves the tags of a watched repository; results-service makes scans of what is new, in the same transaction. */
@Injectable()
export class WatchService {
  constructor(private readonly results: ResultsClient) {}

  async observe(claimed: ClaimedSchedule, signal: AbortSignal): Promise<string> {
    const { watch, schedule, leaseToken } = claimed
    if (watch === null) throw new PharosError('internal-error', `The schedule ${schedule.id} names no watch.`)
    const repository = parseRepository(watch.repository)
    const client = createRegistryClient({ ...registryClientOptions(watch.registry), signal })
    try {
      const { tags } = await client.listTags(repository, { limit: watch.maxTags })
      const watched = tags.filter((tag) => isWatchedTag(tag, watch.tags))
      const observed = await resolveAll(client, repository, watched)
      const { newTasks } = await this.results.observeWatch(schedule.id, { leaseToken, ...observed, problem: null })
      return `${watched.length} tags, ${newTasks} new digests`
    } finally {
      client.close()
    }
  }
}

interface Observed {
  observed: { tag: string; digest: string }[]
  missing: string[]
}

/** A tag that went away between listing and resolving is missing; every other failure ends the round. */
async function resolveAll(
  client: RegistryClient,
  repository: ReturnType<typeof parseRepository>,
  tags: readonly string[],
): Promise<Observed> {
  const result: Observed = { observed: [], missing: [] }
  const waiting = [...tags]
  const resolveNext = async (): Promise<void> => {
    for (let tag = waiting.shift(); tag !== undefined; tag = waiting.shift()) {
      try {
        result.observed.push({ tag, digest: await client.headDigest({ ...repository, tag, digest: null }) })
      } catch (error) {
        if (!(error instanceof PharosError) || error.code !== 'manifest-not-found') throw error
        result.missing.push(tag)
      }
    }
  }
  await Promise.all(Array.from({ length: parallelHeads }, resolveNext))
  return result
}
