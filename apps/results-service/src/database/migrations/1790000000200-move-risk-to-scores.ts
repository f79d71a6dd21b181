import type { MigrationInterface, QueryRunner } from 'typeorm'

/**
 * Risk and EPSS belong to a vulnerability in a database generation: they move daily, and stand beside all intervals instead of
 * in millions of findings. Findings that a decision suppresses are counted apart. What matchers read of a package is kept, so
 * that it can be matched again without its image.
 */
export class MoveRiskToScores1790000000200 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table vulnerability_score add column risk real not null default 0, add column percentile double precision')
    // A text with an escaped NUL cannot be taken apart in SQL; the next result of an engine brings its percentile.
    await runner.query(
      `update vulnerability_score set percentile = (body::json -> 'epss' ->> 'percentile')::float8 where epss is not null and strpos(body, '\\u0000') = 0`,
    )
    await runner.query(
      `insert into vulnerability_score (vulnerability_id, risk, body)
       select vulnerability_id, max(risk), '{"epss":null,"kev":null}' from finding where is_open group by vulnerability_id order by vulnerability_id
       on conflict (vulnerability_id) do update set risk = excluded.risk`,
    )
    await runner.query('create index vulnerability_score_risk on vulnerability_score (risk desc, vulnerability_id)')

    await runner.query('alter table finding drop column risk, add column is_suppressed boolean not null default false')
    await runner.query('alter table image_summary add column suppressed int not null default 0')

    // One text a package, aside of its narrow row: only a match reads it.
    await runner.query('create table package_input (package_id bigint primary key, input text not null)')
    // Not every build of PostgreSQL has lz4, which costs a fraction of pglz; the embedded one has not.
    await runner.query(`
      do $$ begin
        if exists (select from pg_settings where name = 'default_toast_compression' and 'lz4' = any (enumvals)) then
          alter table package_input alter column input set compression lz4;
        end if;
      end $$`)

    // Of the findings that a whole result has shown: the same again changes nothing. null after a partial one.
    await runner.query('alter table image_engine_result add column findings_hash uuid')

    // Tells processes that keep shared facts in memory that one was changed or removed, see known-facts.ts. Only added to, so that
    // nobody waits for it; the oldest rows go when nobody is busy with them.
    await runner.query('create table fact_change (id bigint generated always as identity primary key)')
    await runner.query(`
      create function note_fact_change() returns trigger language plpgsql as $$
      declare noted bigint;
      begin
        insert into fact_change default values returning id into noted;
        if noted % 128 = 0 then
          delete from fact_change where id in (select id from fact_change where id < noted - 256 for update skip locked);
        end if;
        return null;
      end $$`)
    for (const table of ['package', 'package_match', 'vulnerability', 'vulnerability_group', 'vulnerability_score']) {
      await runner.query(
        `create trigger note_change after update or delete or truncate on ${table} for each statement execute function note_fact_change()`,
      )
    }
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'))
  }
}
