import { Injectable, type OnApplicationBootstrap } from '@nestjs/common'
import { PharosError, type Principal, type WorkloadClusterList } from '@pharos/contracts'
import { type Clock, InjectClock } from '@pharos/service-kit'
import { visibleRepositories } from '../access/repository-scope.js'
import { AuditLog } from '../audit/audit-log.js'
import { Database } from '../database/transaction.js'
import { clusterChanged } from '../enrichment/due-subjects.js'
import { EventLog } from '../events/event-log.js'
import { originalText } from '../inventory/stored-text.js'
import { RepeatingWork } from '../upkeep/repeating-work.js'
import { WorkloadClustersRepository } from './workload-clusters.repository.js'
import { WorkloadStore } from './workload-store.js'

const staleCheckMs = 15_000

/** The clusters that tell what they run, and how fresh that is. */
@Injectable()
export class WorkloadClustersService implements OnApplicationBootstrap {
  constructor(
    private readonly database: Database,
    private readonly clusters: WorkloadClustersRepository,
    private readonly store: WorkloadStore,
    private readonly events: EventLog,
    private readonly audit: AuditLog,
    private readonly upkeep: RepeatingWork,
    @InjectClock() private readonly clock: Clock,
  ) {}

  onApplicationBootstrap(): void {
    this.upkeep.start({ name: 'workload-staleness', intervalMs: staleCheckMs, work: () => this.markStale() })
  }

  async list(principal: Principal): Promise<WorkloadClusterList> {
    const found = await this.clusters.list(visibleRepositories(principal))
    return {
      items: found.map((row) => ({
        cluster: row.cluster,
        sequence: Number(row.sequence),
        observedAt: row.observed_at.toISOString(),
        receivedAt: row.received_at.toISOString(),
        expiresAt: row.expires_at?.toISOString() ?? null,
        staleSince: row.stale_since?.toISOString() ?? null,
        workloads: row.workloads,
        unresolved: row.unresolved,
        problem: row.problem && originalText(row.problem),
      })),
    }
  }

  /** Ends what runs in a cluster and forgets its sequence. Throws `not-found`. */
  async remove(cluster: string, principal: Principal): Promise<void> {
    await this.database.inTransaction(async (tx) => {
      await this.store.lockCluster(tx, cluster)
      const gone = await this.store.remove(tx, cluster, this.clock.now())
      if (gone === null) throw new PharosError('not-found', 'This cluster has never sent a snapshot, or was removed.')
      await this.audit.record(tx, principal, { action: 'workload-cluster.remove', subject: cluster, detail: { gone } })
      await clusterChanged(tx, cluster)
      if (gone > 0) await this.events.append(tx, [{ type: 'workloads.changed', cluster, appeared: 0, gone }])
    })
  }

  /** Marks clusters that have been silent for too long: what they ran is stale, and not known to have ended. */
  async markStale(): Promise<void> {
    await this.database.inTransaction(async (tx) => {
      const marked = await this.clusters.markStale(tx, this.clock.now())
      await this.events.append(
        tx,
        marked.map(({ cluster, stale_since }) => ({ type: 'workloads.stale', cluster, since: stale_since.toISOString() })),
      )
    })
  }
}
