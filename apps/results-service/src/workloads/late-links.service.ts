import { Injectable, type OnApplicationBootstrap } from '@nestjs/common'
import { Database } from '../database/transaction.js'
import { clusterChanged } from '../enrichment/due-subjects.js'
import { RepeatingWork } from '../upkeep/repeating-work.js'
import { WorkloadStore } from './workload-store.js'

const intervalMs = 15_000

/**
 * Links containers to images that were stored at the very moment of their snapshot: each of the two transactions looked for the
 * other before it was committed. Whatever was linked by neither is linked here, also after a crash.
 */
@Injectable()
export class LateLinksService implements OnApplicationBootstrap {
  constructor(
    private readonly database: Database,
    private readonly store: WorkloadStore,
    private readonly upkeep: RepeatingWork,
  ) {}

  onApplicationBootstrap(): void {
    this.upkeep.start({ name: 'workload-links', intervalMs, work: () => this.link() })
  }

  async link(): Promise<void> {
    for (const cluster of await this.store.linkableClusters(this.database.runner))
      await this.database.inTransaction(async (tx) => {
        await this.store.lockCluster(tx, cluster)
        if ((await this.store.linkCluster(tx, cluster)) > 0) await clusterChanged(tx, cluster)
      })
  }
}
