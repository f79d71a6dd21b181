import type { MigrationInterface, QueryRunner } from 'typeorm'

/** What packages are searched for by, so that the difference of two databases chooses those that it touches without a worker. */
export class CreatePackageSearch1790000000320 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // keys stand for names, see the engine's difference/searchkey.go; version: of the rules that they were made by. A package gets its
    // row when a worker has read its input in a re-match, not when it is stored: a scan shall not pay for it.
    await runner.query(`
      create table package_search (
        package_id bigint primary key,
        version text not null,
        keys bigint[] not null
      )`)
    // Rows come a thousand at a time, and are asked for by few keys.
    await runner.query('create index package_search_keys on package_search using gin (keys) with (fastupdate = off)')

    await runner.query('alter table rematch_chunk drop constraint rematch_chunk_kind_check')
    await runner.query(
      `alter table rematch_chunk add constraint rematch_chunk_kind_check check (kind in ('difference', 'packages', 'scores'))`,
    )
    await runner.query(`
      alter table rematch
        -- set when the difference of both databases has chosen packages: one with keys of this version and no row in rematch_unit is skipped
        add column keys_version text,
        add column skipped_packages int not null default 0,
        add column compared_at timestamptz`)
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'))
  }
}
