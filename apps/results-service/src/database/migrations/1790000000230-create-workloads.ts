import type { MigrationInterface, QueryRunner } from 'typeorm'

/** What runs where, as the clusters' snapshots tell it, and how fresh each cluster's snapshot is. */
export class CreateWorkloads1790000000230 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table workload_source (
        cluster text primary key,
        -- of the last snapshot that was taken; one that is not above it is refused
        sequence bigint not null,
        -- hash of that snapshot: the same one again is no conflict
        snapshot_hash uuid not null,
        observed_at timestamptz not null,
        received_at timestamptz not null,
        -- null: the cluster may be silent for ever
        expires_at timestamptz,
        -- set while the cluster has been silent past expires_at: its workloads are stale, and not known to have ended
        stale_since timestamptz,
        workload_count int not null,
        problem text
      )`)
    await runner.query(
      'create index workload_source_expiry on workload_source (expires_at) where expires_at is not null and stale_since is null',
    )

    // One row a container of a workload and image that it runs, however many replicas there are. No foreign key to image: an
    // image may be removed and scanned again, and the row is linked again by its digest.
    await runner.query(`
      create table workload (
        id bigint generated always as identity primary key,
        cluster text not null,
        namespace text not null,
        kind text not null,
        name text not null,
        container text not null,
        -- as observed: of an index, a manifest or a configuration; '' while the cluster tells none
        digest text not null,
        image_id bigint,
        platform text not null,
        -- the image as the workload names it, and its registry/path, which is what a caller's scope is matched with
        reference text not null,
        repository text not null,
        owner text,
        labels json not null default '{}',
        since timestamptz not null,
        until timestamptz
      )`)
    await runner.query(
      'create unique index workload_current on workload (cluster, namespace, kind, name, container, digest, platform) where until is null',
    )
    await runner.query('create index workload_image on workload (image_id) where until is null')
    await runner.query('create index workload_unresolved on workload (digest) where until is null and image_id is null')
    await runner.query('create index workload_ended on workload (until) where until is not null')
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'))
  }
}
