import type { MigrationInterface, QueryRunner } from 'typeorm'

/** Tasks, their runs and attempts, and the outbox of attempts that wait for a worker. */
export class CreateTasks1790000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table scan_task (
        id uuid primary key,
        image text not null,
        -- registry/path of the reference, or sbom/<name>: what a caller's scope is matched with
        repository text not null,
        platform text,
        engines text[] not null,
        priority text not null check (priority in ('interactive', 'ci', 'background')),
        cause text not null check (cause in ('submit', 'schedule', 'watch', 'database', 'engine', 'replay')),
        cohort text,
        context jsonb,
        context_key text,
        max_age_ms bigint not null default 0,
        is_forced boolean not null default false,
        -- set for a posted SBOM
        sbom_digest text,
        -- set when the digest is known from the start: a rescan of a stored image
        known_digest text,
        state text not null check (state in ('queued', 'running', 'waiting', 'retrying', 'succeeded', 'partial', 'failed', 'quarantined', 'cancelled')),
        phase text not null,
        detail text,
        digest text,
        run_id uuid,
        attempts int not null default 1,
        -- transient failures so far; a deferred or lost attempt is none
        failures int not null default 0,
        failure jsonb,
        outcomes jsonb not null default '[]',
        submitted_by text not null,
        submitted_at timestamptz not null default now(),
        started_at timestamptz,
        ended_at timestamptz,
        next_attempt_at timestamptz,
        version int not null default 0
      )`)
    await runner.query('create index scan_task_state on scan_task (state, id desc)')
    await runner.query(
      `create index scan_task_lane on scan_task (priority, state, submitted_at) where state in ('queued', 'running', 'retrying', 'quarantined')`,
    )
    await runner.query('create index scan_task_cohort on scan_task (cohort, id desc) where cohort is not null')
    await runner.query('create index scan_task_digest on scan_task (digest, id desc) where digest is not null')
    await runner.query('create index scan_task_image on scan_task (image text_pattern_ops, id desc)')
    await runner.query('create index scan_task_repository on scan_task (repository text_pattern_ops, id desc)')
    await runner.query('create index scan_task_run on scan_task (run_id) where run_id is not null')
    await runner.query('create index scan_task_ended on scan_task (ended_at) where ended_at is not null')

    await runner.query(`
      create table scan_run (
        id uuid primary key,
        -- hash of digest, engines, generations and posted SBOM: at most one run of a key is open
        run_key text not null,
        digest text not null,
        engines text[] not null,
        generation_ids uuid[] not null,
        leader_task_id uuid not null,
        state text not null check (state in ('open', 'ended', 'released')),
        outcome text,
        started_at timestamptz not null default now(),
        ended_at timestamptz
      )`)
    await runner.query(`create unique index scan_run_open on scan_run (run_key) where state = 'open'`)
    await runner.query('create index scan_run_ended on scan_run (ended_at) where ended_at is not null')

    await runner.query(`
      create table scan_attempt (
        id uuid primary key,
        task_id uuid not null references scan_task (id) on delete cascade,
        number int not null,
        state text not null check (state in ('ready', 'claimed', 'reported', 'failed', 'lost', 'deferred', 'ended')),
        due_at timestamptz not null default now(),
        -- SHA-256 of the fencing token
        token_hash bytea,
        worker_id text,
        cataloguer jsonb,
        generation_ids uuid[],
        run_id uuid,
        claimed_at timestamptz,
        lease_until timestamptz,
        ended_at timestamptz,
        unique (task_id, number)
      )`)
    await runner.query(`create index scan_attempt_lease on scan_attempt (lease_until) where state = 'claimed'`)

    await runner.query(`
      create table outbox (
        id bigint generated always as identity primary key,
        task_id uuid not null references scan_task (id) on delete cascade,
        attempt int not null,
        lane text not null,
        cohort text,
        due_at timestamptz not null,
        trace jsonb,
        -- null: to be relayed; the row goes when a worker claims the attempt
        relayed_at timestamptz,
        is_aged boolean not null default false,
        unique (task_id, attempt)
      )`)
    await runner.query('create index outbox_unrelayed on outbox (id) where relayed_at is null')
    await runner.query('create index outbox_relayed on outbox (relayed_at) where relayed_at is not null')
    await runner.query(`create index outbox_waiting on outbox (due_at) where lane = 'background' and not is_aged`)

    await runner.query(`create table redis_epoch (only_row boolean primary key default true check (only_row), epoch uuid not null)`)
    await runner.query(`insert into redis_epoch (epoch) values (gen_random_uuid())`)

    await runner.query(
      `create table pause (kind text not null check (kind in ('lane', 'cohort')), name text not null, paused_at timestamptz not null default now(), paused_by text not null, primary key (kind, name))`,
    )
    await runner.query(
      `create table crash_count (subject text primary key, crashes int not null, last_at timestamptz not null default now())`,
    )
    await runner.query(
      `create table posted_sbom (digest text primary key, name text not null, format text not null, body bytea not null, size_bytes bigint not null, created_at timestamptz not null default now())`,
    )
    await runner.query(
      `create table worker (id text primary key, version text not null, slots int not null, busy int not null, engines jsonb not null, last_seen_at timestamptz not null default now())`,
    )
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'))
  }
}
