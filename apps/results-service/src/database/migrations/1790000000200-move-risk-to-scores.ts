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
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'))
  }
}
