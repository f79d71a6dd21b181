import { Injectable } from '@nestjs/common'
import { type EngineName, type EventBody, PharosError, type WatchObservation } from '@pharos/contracts'
import { InjectConfiguration } from '@pharos/service-kit'
import type { ResultsConfiguration } from '../configuration.js'
import type { Transaction } from '../database/transaction.js'
import { EventLog } from '../events/event-log.js'
import { ScanStorage } from '../runs/scan-storage.js'
import { TaskSubmission } from '../tasks/task-submission.js'
import { WatchesRepository } from './watches.repository.js'

/** Several tags often lead to one digest: the second task takes the first one's result. */
const sharedResultAgeMs = 24 * 3_600_000

/** Makes tasks of what a scheduler saw of a watched repository. */
@Injectable()
export class WatchObservationsService {
  constructor(
    private readonly watches: WatchesRepository,
    private readonly submission: TaskSubmission,
    private readonly events: EventLog,
    private readonly storage: ScanStorage,
    @InjectConfiguration() private readonly configuration: ResultsConfiguration,
  ) {}

  /** New digests become background tasks and missing ones are marked, in the caller's transaction. Returns how many tasks. */
  async take(tx: Transaction, watchId: string, observation: WatchObservation): Promise<number> {
    const watch = await this.watches.find(tx, watchId)
    if (watch === null) throw new PharosError('not-found', 'The watch was removed.')
    const changed = await this.watches.observe(tx, watchId, observation.observed)
    const created = await this.submission.submitMany(
      tx,
      changed.flatMap(({ tag, digest }) =>
        watch.platforms.map((platform) => ({
          image: `${watch.repository}:${tag}@${digest}`,
          repository: watch.repository,
          platform,
          engines: this.configuration.scans.defaultEngines as readonly EngineName[],
          priority: 'background' as const,
          cause: 'watch' as const,
          maxAgeMs: sharedResultAgeMs,
          submittedBy: watch.createdBy,
        })),
      ),
    )
    const deleted = await this.watches.markMissing(tx, watchId, observation.missing)
    await this.storage.markDeletedFromRegistry(tx, deleted)
    await this.events.append(
      tx,
      deleted.map((digest): EventBody => ({ type: 'image.deleted-from-registry', digest })),
    )
    await this.watches.setProblem(tx, watchId, observation.problem)
    return created.length
  }
}
