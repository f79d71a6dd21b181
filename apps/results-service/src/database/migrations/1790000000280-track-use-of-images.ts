import type { MigrationInterface, QueryRunner } from 'typeorm'

/** When somebody last asked for an image, and indexes with which retention finds what nothing leads to any more. */
export class TrackUseOfImages1790000000280 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // Rescans are Pharos' own wish and do not count. Images that are here already begin a new time.
    await runner.query('alter table image add column last_referenced_at timestamptz not null default now()')
    // As the engines' databases told it when the image was last scanned; null while none has said.
    await runner.query('alter table image add column is_distro_end_of_life boolean')
    await runner.query('create index image_last_referenced on image (last_referenced_at)')
    await runner.query('create index workload_image_ended on workload (image_id) where until is not null and image_id is not null')
    await runner.query('create index image_reference_ended on image_reference (until) where until is not null')
    // Also occurrences that are gone keep their package: an index on the present ones alone would not tell.
    await runner.query('drop index image_package_package')
    await runner.query('create index image_package_package on image_package (package_id)')
    await runner.query('create index image_package_event_at on image_package_event (at)')
    await runner.query('create index package_match_closed on package_match (package_id) where not is_open')
    await runner.query('create index finding_closed on finding (last_seen_at) where not is_open')
    // Work over whole tables is done now and then; when it was done last is kept here, for all replicas.
    await runner.query('create table retention_step (name text primary key, done_at timestamptz not null)')
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'))
  }
}
