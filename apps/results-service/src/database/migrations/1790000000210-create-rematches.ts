import type { MigrationInterface, QueryRunner } from 'typeorm'

/** Re-matches of the fleet's unique packages in another database generation, and what they prepare beside the stored findings. */
export class CreateRematches1790000000210 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table database_generation drop constraint database_generation_state_check')
    await runner.query(`
      alter table database_generation
        add constraint database_generation_state_check check (state in ('uploading', 'candidate', 'matching', 'active', 'retired', 'refused')),
        -- a candidate that its engine has accepted may have to wait for the end of a re-match
        add column judged_at timestamptz`)
    await runner.query(`create unique index database_generation_matching on database_generation (engine) where state in ('matching')`)

    await runner.query(`
      create table rematch (
        id uuid primary key,
        engine text not null,
        generation_id uuid not null,
        former_generation_id uuid,
        cause text not null check (cause in ('database', 'manual')),
        state text not null check (state in ('preparing', 'switching', 'done', 'abandoned')),
        is_paused boolean not null default false,
        is_narrowed boolean not null,
        -- version of the matcher that made all stored results of the former generation; null when they are of several
        base_engine_version text,
        -- version of the matcher that made these; null before the first delivery, '' when they are of several
        engine_version text,
        -- vulnerabilities up to here have a chunk of scores
        last_vulnerability_id bigint not null,
        round int not null default 1,
        report json,
        problem text,
        created_by text not null,
        started_at timestamptz not null default clock_timestamp(),
        matched_at timestamptz,
        ended_at timestamptz
      )`)
    await runner.query('create unique index rematch_running on rematch (engine) where ended_at is null')

    // A piece of work for a worker. ids: packages, or vulnerabilities.
    await runner.query(`
      create table rematch_chunk (
        rematch_id uuid not null,
        number int not null,
        kind text not null check (kind in ('packages', 'scores')),
        ids bigint[] not null,
        state text not null default 'open' check (state in ('open', 'done', 'failed')),
        attempts int not null default 0,
        token_hash bytea,
        worker_id text,
        lease_until timestamptz,
        -- scores: how many vulnerabilities the new database describes
        described int not null default 0,
        problem text,
        touched_at timestamptz not null default clock_timestamp(),
        primary key (rematch_id, number)
      )`)
    await runner.query(`create index rematch_chunk_open on rematch_chunk (rematch_id, number) where state = 'open'`)

    // What became of each package. open_hash: over its open matches when they were compared; another one at the switch tells
    // that a scan has changed them since.
    await runner.query(`
      create table rematch_unit (
        rematch_id uuid not null,
        package_id bigint not null,
        -- 1 matched, 2 skipped, 3 failed
        state smallint not null,
        open_hash bigint not null,
        primary key (rematch_id, package_id)
      )`)
    await runner.query(`
      create table rematch_match (
        rematch_id uuid not null,
        package_id bigint not null,
        vulnerability_key uuid not null,
        fix_state smallint not null,
        content_hash uuid not null,
        body text not null,
        primary key (rematch_id, package_id, vulnerability_key)
      )`)
    await runner.query(`
      create table rematch_gone (
        rematch_id uuid not null,
        package_id bigint not null,
        match_id bigint not null,
        primary key (rematch_id, package_id, match_id)
      )`)
    // body: the vulnerability as the contract has it.
    await runner.query(`
      create table rematch_vulnerability (
        rematch_id uuid not null,
        key_hash uuid not null,
        risk real not null,
        body text not null,
        primary key (rematch_id, key_hash)
      )`)
    await runner.query(`
      create table rematch_score (
        rematch_id uuid not null,
        vulnerability_id bigint not null,
        risk real not null,
        epss double precision,
        percentile double precision,
        body text not null,
        primary key (rematch_id, vulnerability_id)
      )`)
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'))
  }
}
