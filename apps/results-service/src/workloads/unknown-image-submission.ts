import { Injectable } from '@nestjs/common'
import type { EngineName, Principal } from '@pharos/contracts'
import { parseImageReference } from '@pharos/registry'
import { InjectConfiguration } from '@pharos/service-kit'
import type { ResultsConfiguration } from '../configuration.js'
import type { Transaction } from '../database/transaction.js'
import { TaskSubmission } from '../tasks/task-submission.js'
import type { SnapshotRows } from './snapshot-rows.js'
import { type UnknownImageRow, WorkloadStore } from './workload-store.js'

/** Scans of one cluster that wait or run at once: a new cluster of thousands of images must not fill the queue. */
const openTaskLimit = 500

/** Has images scanned that run and are not known. */
@Injectable()
export class UnknownImageSubmission {
  constructor(
    private readonly store: WorkloadStore,
    private readonly tasks: TaskSubmission,
    @InjectConfiguration() private readonly configuration: ResultsConfiguration,
  ) {}

  /**
   * Enqueues background scans, those of most containers first, until so many of the cluster are on their way; later
   * snapshots enqueue the rest. Left out is what was tried within a day. Returns the images that were enqueued.
   */
  async submit(
    tx: Transaction,
    cluster: string,
    unknown: readonly UnknownImageRow[],
    rows: SnapshotRows,
    principal: Principal,
  ): Promise<Set<UnknownImageRow>> {
    const cohort = `workloads/${cluster}`.slice(0, 100)
    const room = openTaskLimit - (await this.store.openTasks(tx, cohort))
    const wanted = unknown.flatMap((row) => {
      const image = rows.pullableOf(row.digest, row.reference)
      return image === null ? [] : [{ row, image }]
    })
    const known = await this.store.recentlySubmitted(
      tx,
      wanted.map(({ image }) => image),
    )
    const chosen = wanted.filter(({ image }) => !known.has(image)).slice(0, Math.max(room, 0))
    await this.tasks.submitMany(
      tx,
      chosen.map(({ row, image }) => ({
        image,
        repository: repositoryOf(image),
        platform: row.platform,
        engines: this.configuration.scans.defaultEngines as readonly EngineName[],
        priority: 'background',
        cause: 'submit',
        cohort,
        submittedBy: principal.id,
      })),
    )
    return new Set(chosen.map(({ row }) => row))
  }
}

function repositoryOf(image: string): string {
  const { registry, path } = parseImageReference(image)
  return `${registry}/${path}`
}
