import type { MigrationInterface, QueryRunner } from 'typeorm'

/** Indexes that serve searches by a part of a name without reading rows of tables. */
export class ServeSearches1790000000330 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // A list of packages counts the images of each. From this index alone: the rows of one package lie in a block each.
    await runner.query('drop index image_package_package')
    await runner.query('create index image_package_package on image_package (package_id, image_id) where is_present')
    // Occurrences that are gone keep their package as well.
    await runner.query('create index image_package_gone on image_package (package_id) where not is_present')
    // Only rows of vacuumed pages are counted from the index alone, and a fleet grows at its end.
    await runner.query('alter table image_package set (autovacuum_vacuum_insert_scale_factor = 0.05)')

    // What a search of images compares beside repositories. Few rows are written to it, so each goes in at once: a list of pending
    // ones would be read by every search.
    await runner.query(`
      do $$ begin
        if exists (select from pg_extension where extname = 'pg_trgm') then
          create index image_reference_name_parts on image_reference using gin ((repository || ':' || tag) gin_trgm_ops) with (fastupdate = off) where until is null;
          alter index image_reference_repository_parts set (fastupdate = off);
        end if;
      end $$`)
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'))
  }
}
