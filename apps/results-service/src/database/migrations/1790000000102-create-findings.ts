import type { MigrationInterface, QueryRunner } from 'typeorm'

/** Findings of images, what became of them, and what each engine last said. */
export class CreateFindings1790000000102 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // The first 32 bits of id are those of the image's digest, so the rows of an image lie side by side in the one index
    // that serves lists, rescans and look-ups by id. No foreign keys: four checks a row would double the cost of an ingest;
    // all rows are written by finding-store.ts under the lock of their image.
    await runner.query(`
      create table finding (
        id uuid primary key,
        image_id bigint not null,
        occurrence uuid not null,
        package_id bigint not null,
        vulnerability_id bigint not null,
        match_id bigint not null,
        first_seen_at timestamptz not null,
        -- null while the newest good result of the engine shows it: then that result's time is when it was last seen
        last_seen_at timestamptz,
        risk real not null,
        engine smallint not null,
        severity smallint not null,
        fix_state smallint not null,
        is_kev boolean not null,
        is_open boolean not null default true
      ) with (fillfactor = 90)`)
    await runner.query('create index finding_vulnerability on finding (vulnerability_id, image_id)')

    // The first result of an engine is not repeated here: first_seen_at says when its findings appeared.
    await runner.query(`
      create table finding_event (
        id bigint generated always as identity primary key,
        finding_id uuid not null,
        image_id bigint not null,
        kind text not null check (kind in ('appeared', 'gone', 'changed')),
        cause text not null check (cause in ('scan', 'database', 'engine', 'catalogue', 'alias')),
        run_id uuid not null,
        at timestamptz not null
      )`)
    await runner.query('create index finding_event_image on finding_event (image_id, id)')

    for (const table of ['secret_finding', 'misconfiguration_finding']) {
      await runner.query(`
        create table ${table} (
          id uuid primary key,
          image_id bigint not null,
          engine smallint not null,
          severity smallint not null,
          is_open boolean not null default true,
          first_seen_at timestamptz not null,
          last_seen_at timestamptz not null,
          body json not null
        )`)
      await runner.query(`create index ${table}_image on ${table} (image_id, severity desc, id)`)
    }

    await runner.query(`
      create table image_engine_result (
        image_id bigint not null,
        engine smallint not null,
        -- of the last good result; of the last attempt while there has been no good one
        status text not null,
        engine_version text,
        database json,
        generation_id uuid,
        reasons json not null,
        scanned_at timestamptz not null,
        has_good_result boolean not null,
        last_attempt_failed boolean not null,
        failed_reasons json not null default '[]',
        attempted_at timestamptz not null,
        primary key (image_id, engine)
      )`)
    await runner.query(`
      create table image_summary (
        image_id bigint not null,
        engine smallint not null,
        critical int not null, high int not null, medium int not null, low int not null, negligible int not null, unknown int not null,
        fixable int not null,
        kev int not null,
        max_risk real not null,
        primary key (image_id, engine)
      )`)
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'))
  }
}
