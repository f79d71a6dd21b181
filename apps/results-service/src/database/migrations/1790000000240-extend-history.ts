import type { MigrationInterface, QueryRunner } from 'typeorm'

/**
 * What a change was, beside that there was one: with it a past moment is today's rows with the later changes taken back, and
 * the changes can be read in commit order.
 */
export class ExtendHistory1790000000240 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // Filled by whoever writes an event: before_* what stood until then (gone, changed, and appeared again), severity, fix_state
    // and is_kev what stands since (appeared, changed); generation_id the generation that the news came from, null where Pharos
    // does not manage the database. before_package_id may be null where the finding's package did not change. null before_* are of events that were written before these columns were.
    await runner.query(`
      alter table finding_event
        add column severity smallint,
        add column fix_state smallint,
        add column is_kev boolean,
        add column before_severity smallint,
        add column before_fix_state smallint,
        add column before_is_kev boolean,
        add column before_package_id bigint,
        add column generation_id uuid,
        add column xid xid8`)
    // A default set apart from the column leaves former rows null: they were never to be read in commit order.
    await runner.query('alter table finding_event alter column xid set default pg_current_xact_id()')
    await runner.query('create index finding_event_xid on finding_event (xid, id) where xid is not null')

    // An image does not change, but what a cataloguer sees in it does. The first catalogue is not repeated here.
    await runner.query(`
      create table image_package_event (
        id bigint generated always as identity primary key,
        image_id bigint not null,
        occurrence uuid not null,
        -- null: it was not there before, or is not there since
        before_package_id bigint,
        package_id bigint,
        at timestamptz not null,
        check (before_package_id is distinct from package_id)
      )`)
    await runner.query('create index image_package_event_image on image_package_event (image_id, id)')
    await runner.query('alter table image add column first_catalogued_at timestamptz')
    await runner.query('update image set first_catalogued_at = first_seen_at where packages_hash is not null')
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'))
  }
}
