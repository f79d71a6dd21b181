import { Injectable } from '@nestjs/common'
import { affected, oneRow, rows, type SqlRunner } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { textArray } from '../ingest/array-parameter.js'
import { resolvedImageId } from './resolved-image-sql.js'
import type { SnapshotRows } from './snapshot-rows.js'

/** A cluster as it was left by its last snapshot. */
export interface WorkloadSourceRow {
  readonly sequence: string
  readonly snapshot_hash: string
  readonly observed_at: Date
}

/** What a snapshot changed, in containers. */
export interface WorkloadChange {
  readonly appeared: number
  readonly gone: number
  readonly changed: number
  /** Containers that run in the cluster now. */
  readonly count: number
}

/** What is written of a snapshot itself. */
export interface SnapshotRecord {
  readonly cluster: string
  readonly sequence: number
  readonly hash: string
  readonly observedAt: Date
  readonly receivedAt: Date
  readonly expiresAt: Date
  readonly isComplete: boolean
  readonly problem: string | null
}

/** An image that runs in a cluster and is not stored. Names are as stored. */
export interface UnknownImageRow {
  reference: string
  repository: string
  digest: string
  platform: string
  containers: number
}

const batch = 20_000
const sameContainer = ['namespace', 'kind', 'name', 'container', 'digest', 'platform']
  .map((column) => `s.${column} = w.${column}`)
  .join(' and ')

const isLinkable = `w.until is null and w.image_id is null and w.digest <> '' and ${resolvedImageId('w.digest', 'w.platform')} is not null`

/** Writes what runs in a cluster, as sets. */
@Injectable()
export class WorkloadStore {
  /** Lets one snapshot of a cluster in at a time, and says what the last one was. */
  async lockCluster(tx: Transaction, cluster: string): Promise<WorkloadSourceRow | null> {
    await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`workloads ${cluster}`])
    return oneRow<WorkloadSourceRow>(tx, 'select sequence, snapshot_hash, observed_at from workload_source where cluster = $1', [cluster])
  }

  /** Makes the stored containers of a cluster those of the snapshot; one that is not complete ends none. */
  async apply(tx: Transaction, snapshot: SnapshotRecord, containers: SnapshotRows): Promise<WorkloadChange> {
    await this.stage(tx, containers)
    const key = [snapshot.cluster, snapshot.observedAt]
    const gone = snapshot.isComplete
      ? await affected(
          tx,
          `update workload w set until = greatest($2, w.since) where w.cluster = $1 and w.until is null and not exists (select from snapshot_workload s where ${sameContainer})`,
          key,
        )
      : 0
    // An image that is known by now is taken over; one that was removed meanwhile is unknown again.
    const changed = await affected(
      tx,
      `update workload w set reference = s.reference, repository = s.repository, owner = s.owner, labels = s.labels::json, image_id = s.image_id
         from snapshot_workload s
        where w.cluster = $1 and w.until is null and ${sameContainer}
          and (w.reference, w.repository, w.owner, w.labels::text, w.image_id) is distinct from (s.reference, s.repository, s.owner, s.labels, s.image_id)`,
      [snapshot.cluster],
    )
    const added = await oneRow<{ count: number }>(
      tx,
      `with added as (
         insert into workload (cluster, namespace, kind, name, container, digest, platform, reference, repository, owner, labels, image_id, since)
         select $1, s.namespace, s.kind, s.name, s.container, s.digest, s.platform, s.reference, s.repository, s.owner, s.labels::json, s.image_id, $2
           from snapshot_workload s
          where not exists (select from workload w where w.cluster = $1 and w.until is null and ${sameContainer})
          order by s.namespace, s.kind, s.name, s.container, s.digest, s.platform
         returning 1)
       select count(*)::int as count from added`,
      key,
    )
    const counted = await oneRow<{ count: number }>(
      tx,
      'select count(*)::int as count from workload where cluster = $1 and until is null',
      [snapshot.cluster],
    )
    const count = counted?.count ?? 0
    await this.record(tx, snapshot, count)
    return { appeared: added?.count ?? 0, gone, changed, count }
  }

  /** Ends all that runs in a cluster and forgets it. Returns how many containers ended; null when it is not known. */
  async remove(tx: Transaction, cluster: string, at: Date): Promise<number | null> {
    const removed = await affected(tx, 'delete from workload_source where cluster = $1', [cluster])
    if (removed === 0) return null
    return affected(tx, 'update workload set until = greatest($2, since) where cluster = $1 and until is null', [cluster, at])
  }

  /** Containers that run in a cluster. */
  async count(tx: Transaction, cluster: string): Promise<number> {
    const row = await oneRow<{ workload_count: number }>(tx, 'select workload_count from workload_source where cluster = $1', [cluster])
    return row?.workload_count ?? 0
  }

  /** Images that run in a cluster and are not stored, those of most containers first. */
  unknownImages(tx: Transaction, cluster: string): Promise<UnknownImageRow[]> {
    return rows<UnknownImageRow>(
      tx,
      `select min(reference) as reference, min(repository) as repository, digest, platform, count(*)::int as containers
         from workload where cluster = $1 and until is null and image_id is null
        group by digest, platform, case digest when '' then reference else '' end
        order by count(*) desc, 1, 3, 4`,
      [cluster],
    )
  }

  /** Clusters with containers that are not linked to the stored image that they run. */
  async linkableClusters(runner: SqlRunner): Promise<string[]> {
    const found = await rows<{ cluster: string }>(
      runner,
      `select distinct w.cluster from workload w where ${isLinkable} order by w.cluster`,
    )
    return found.map(({ cluster }) => cluster)
  }

  /** Links these containers of a cluster, under its lock. Returns how many. */
  linkCluster(tx: Transaction, cluster: string): Promise<number> {
    return affected(
      tx,
      `update workload w set image_id = ${resolvedImageId('w.digest', 'w.platform')} where w.cluster = $1 and ${isLinkable}`,
      [cluster],
    )
  }

  /** Which of these submits were made within a day or are still on their way: an image that cannot be scanned must not come back with each snapshot. */
  async recentlySubmitted(tx: Transaction, images: readonly string[]): Promise<Set<string>> {
    const found = await rows<{ image: string }>(
      tx,
      `select distinct image from scan_task where image = any ($1::text[]) and (ended_at is null or submitted_at > now() - interval '1 day')`,
      [textArray(images)],
    )
    return new Set(found.map(({ image }) => image))
  }

  /** Scans of a cohort that have not ended. */
  async openTasks(tx: Transaction, cohort: string): Promise<number> {
    const row = await oneRow<{ count: number }>(tx, 'select count(*)::int as count from scan_task where cohort = $1 and ended_at is null', [
      cohort,
    ])
    return row?.count ?? 0
  }

  private async stage(tx: Transaction, containers: SnapshotRows): Promise<void> {
    await tx.query(`
      create temporary table snapshot_workload (
        namespace text not null, kind text not null, name text not null, container text not null, digest text not null, platform text not null,
        reference text not null, repository text not null, owner text, labels text not null, image_id bigint
      ) on commit drop`)
    for (let from = 0; from < containers.length; from += batch) {
      const column = (values: readonly (string | null)[]) => textArray(values.slice(from, from + batch))
      await tx.query(
        `insert into snapshot_workload (namespace, kind, name, container, digest, platform, reference, repository, owner, labels)
         select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[])`,
        [
          column(containers.namespace),
          column(containers.kind),
          column(containers.name),
          column(containers.container),
          column(containers.digest),
          column(containers.platform),
          column(containers.reference),
          column(containers.repository),
          column(containers.owner),
          column(containers.labels),
        ],
      )
    }
    await tx.query('analyze snapshot_workload')
    await tx.query(
      `update snapshot_workload s set image_id = found.image_id
         from (select o.digest, o.platform, ${resolvedImageId('o.digest', 'o.platform')} as image_id
                 from (select distinct digest, platform from snapshot_workload where digest <> '') o) found
        where found.digest = s.digest and found.platform = s.platform and found.image_id is not null`,
    )
  }

  private async record(tx: Transaction, snapshot: SnapshotRecord, count: number): Promise<void> {
    await tx.query(
      `insert into workload_source as s (cluster, sequence, snapshot_hash, observed_at, received_at, expires_at, workload_count, problem)
       values ($1, $2, $3, $4, $5, $6, $7, $8)
       on conflict (cluster) do update set
         sequence = excluded.sequence, snapshot_hash = excluded.snapshot_hash, observed_at = excluded.observed_at, received_at = excluded.received_at,
         -- only all that runs makes all that is stored fresh again
         expires_at = case when $9 then excluded.expires_at else s.expires_at end,
         stale_since = case when $9 then null else s.stale_since end,
         workload_count = excluded.workload_count, problem = excluded.problem`,
      [
        snapshot.cluster,
        snapshot.sequence,
        snapshot.hash,
        snapshot.observedAt,
        snapshot.receivedAt,
        snapshot.expiresAt,
        count,
        snapshot.problem,
        snapshot.isComplete,
      ],
    )
  }
}
