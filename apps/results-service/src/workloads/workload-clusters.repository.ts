import { Injectable } from '@nestjs/common'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { rows } from '../database/sql.js'
import { Database, type Transaction } from '../database/transaction.js'

/** A cluster with what the caller may see of it. */
export interface WorkloadClusterRow {
  cluster: string
  sequence: string
  observed_at: Date
  received_at: Date
  expires_at: Date | null
  stale_since: Date | null
  problem: string | null
  workloads: number
  unresolved: number
}

/** Reads clusters and marks those that are silent. */
@Injectable()
export class WorkloadClustersRepository {
  constructor(private readonly database: Database) {}

  /** Clusters by name; with a limited scope only those that run something within it. */
  list(scope: VisibleRepositories): Promise<WorkloadClusterRow[]> {
    return rows<WorkloadClusterRow>(
      this.database.runner,
      `select s.cluster, s.sequence, s.observed_at, s.received_at, s.expires_at, s.stale_since, s.problem,
              count(w.id)::int as workloads, (count(w.id) filter (where w.image_id is null))::int as unresolved
         from workload_source s
         left join workload w on w.cluster = s.cluster and w.until is null and ($1::text[] is null or w.repository like any ($1::text[]))
        group by s.cluster having $1::text[] is null or count(w.id) > 0 order by s.cluster`,
      [scope],
    )
  }

  /** Marks clusters that have been silent for too long; returns those that were not marked yet. */
  markStale(tx: Transaction, now: Date): Promise<{ cluster: string; stale_since: Date }[]> {
    return rows(
      tx,
      'update workload_source set stale_since = expires_at where expires_at <= $1 and stale_since is null returning cluster, stale_since',
      [now],
    )
  }
}
