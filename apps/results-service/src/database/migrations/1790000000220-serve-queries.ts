import type { MigrationInterface, QueryRunner } from 'typeorm'

/** Indexes that serve the lists of the fleet in each of their orders, and views that people save. */
export class ServeQueries1790000000220 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // A list of findings walks the vulnerabilities in its order, and for each its findings: nothing sorts the fleet.
    await runner.query('create index vulnerability_score_epss on vulnerability_score ((coalesce(epss, -1)) desc, vulnerability_id)')
    await runner.query('create index vulnerability_severity on vulnerability (severity desc, id)')
    // Severities that a vulnerability has had, a bit each by its code: findings of images that were not judged since show a former
    // one, and a list by severity still has to come to them.
    await runner.query('alter table vulnerability add column severities int not null default 0')
    await runner.query('update vulnerability set severities = 1 << severity')
    await runner.query(`
      create function keep_severities() returns trigger language plpgsql as $$ begin
        new.severities := new.severities | (1 << new.severity);
        return new;
      end $$`)
    await runner.query(
      'create trigger vulnerability_severities before insert or update of severity on vulnerability for each row execute function keep_severities()',
    )
    await runner.query('create index package_match_vulnerability on package_match (vulnerability_id, engine)')
    await runner.query('create index finding_kev on finding (vulnerability_id, image_id) where is_kev')
    // Findings of one report share one moment, so the index holds each moment once.
    await runner.query('create index finding_first_seen on finding (first_seen_at)')
    await runner.query('create index image_package_package on image_package (package_id, image_id) where is_present')
    // Names may be longer than a key of an index.
    await runner.query('create index package_name on package (left(name, 100) collate "C", id)')

    // Parts of names are found by trigrams where the server has them; without them a search reads the names, which are few
    // beside the rows of images.
    await runner.query(`
      do $$ begin
        if exists (select from pg_available_extensions where name = 'pg_trgm') then
          create extension if not exists pg_trgm;
          create index package_name_parts on package using gin (name gin_trgm_ops);
          create index image_reference_repository_parts on image_reference using gin (repository gin_trgm_ops);
        end if;
      exception when insufficient_privilege then
        raise notice 'pg_trgm may not be created: parts of names are searched without an index';
      end $$`)

    await runner.query(`
      create table saved_view (
        id uuid primary key,
        name text not null,
        resource text not null check (resource in ('findings', 'images', 'packages', 'workloads')),
        filter text not null,
        sort text,
        columns text[] not null,
        visibility text not null check (visibility in ('mine', 'team', 'all')),
        -- principal id of the owner
        owner text not null,
        -- of a team's view: LIKE patterns of the repositories that its owner may see; null is all
        repositories text[],
        version int not null default 1,
        created_at timestamptz not null default date_trunc('milliseconds', now()),
        updated_at timestamptz not null default date_trunc('milliseconds', now())
      )`)
    await runner.query('create index saved_view_owner on saved_view (owner, id)')
    await runner.query(`create index saved_view_shared on saved_view (id) where visibility <> 'mine'`)
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'))
  }
}
