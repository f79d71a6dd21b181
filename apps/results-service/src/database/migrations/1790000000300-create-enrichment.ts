import type { MigrationInterface, QueryRunner } from 'typeorm'

/** Sets of enrichers, the subjects that they run on, the contexts that come of it, and the work that is to be done. */
export class CreateEnrichment1790000000300 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table enricher_set (
        id uuid primary key,
        version int generated always as identity unique,
        -- null until a worker has compiled it
        hash text,
        state text not null check (state in ('checking', 'invalid', 'draft', 'active', 'retired')),
        label text,
        -- json, not jsonb: written once, read whole, and it keeps any character of a string
        files json not null,
        source json,
        enrichers json not null default '[]',
        problems json not null default '[]',
        warnings json not null default '[]',
        created_at timestamptz not null default date_trunc('milliseconds', now()),
        created_by text not null,
        activated_at timestamptz
      )`)
    await runner.query(`create unique index enricher_set_active on enricher_set ((true)) where state = 'active'`)

    await runner.query(`
      create table enricher_run (
        id uuid primary key,
        kind text not null check (kind in ('activate', 'compare')),
        set_id uuid not null references enricher_set (id) on delete cascade,
        former_set_id uuid,
        state text not null check (state in ('running', 'paused', 'done', 'cancelled')),
        total int not null default 0, done int not null default 0, failed int not null default 0,
        added int not null default 0, changed int not null default 0, removed int not null default 0, unchanged int not null default 0,
        errors int not null default 0,
        problem text,
        -- for the pace: when it last went on, and how much was done by then
        resumed_at timestamptz not null default clock_timestamp(),
        done_before int not null default 0,
        started_at timestamptz not null default date_trunc('milliseconds', clock_timestamp()),
        started_by text not null,
        ended_at timestamptz
      )`)
    await runner.query('create index enricher_run_set on enricher_run (set_id)')
    await runner.query(
      'create unique index enricher_run_activation on enricher_run ((true)) where kind = $$activate$$ and ended_at is null',
    )

    // What enrichers run on: an image itself (kind 0), one of its submitted contexts (1), or a workload that runs it (2). No foreign
    // key: image-removal.ts removes the subjects of an image, and these take all the rest with them.
    await runner.query(`
      create table enrichment_subject (
        id bigint generated always as identity primary key,
        image_id bigint not null,
        kind smallint not null,
        key text not null,
        -- of a workload: its cluster, the row of workload that speaks for it, and what enrichers see of that row
        cluster text,
        workload_id bigint,
        facts_hash uuid,
        -- of the last delivery; serial orders deliveries by the time of their claim
        set_id uuid,
        serial bigint not null default 0,
        enriched_at timestamptz,
        -- why no worker could run the enrichers at all
        problem text,
        unique (image_id, kind, key)
      )`)
    await runner.query('create index enrichment_subject_cluster on enrichment_subject (cluster) where cluster is not null')

    // data is null while the enricher has never succeeded; error is null unless its last run failed.
    await runner.query(`
      create table enrichment_context (
        subject_id bigint not null references enrichment_subject (id) on delete cascade,
        owner text not null,
        set_id uuid not null,
        data json,
        updated_at timestamptz not null,
        error json,
        failed_at timestamptz,
        primary key (subject_id, owner)
      )`)

    // Contexts by their values: what filters read. name is <owner>.<path>, name and value are cut to what an index can hold.
    await runner.query(`
      create table context_label (
        subject_id bigint not null references enrichment_subject (id) on delete cascade,
        name text not null,
        value text not null,
        primary key (subject_id, name, value)
      )`)
    await runner.query('create index context_label_value on context_label (name, value text_pattern_ops, subject_id)')

    // Work that a worker holds. A row stays for a while after its end, so that a delivery that is sent twice gets its answer.
    await runner.query(`
      create table enrichment_chunk (
        id uuid primary key,
        serial bigint generated always as identity,
        kind text not null check (kind in ('subjects', 'validate', 'test')),
        set_id uuid,
        run_id uuid,
        request_id uuid,
        worker_id text not null,
        token_hash bytea not null,
        state text not null default 'open' check (state in ('open', 'done')),
        lease_until timestamptz not null,
        ended_at timestamptz
      )`)
    await runner.query(`create index enrichment_chunk_open on enrichment_chunk (lease_until) where state = 'open'`)

    // One row a subject that is due by itself (run_id is null), and one a subject of a run. is_repeat: it became due again
    // while a worker holds it, who may have read it before.
    await runner.query(`
      create table enrichment_work (
        id bigint generated always as identity primary key,
        subject_id bigint not null references enrichment_subject (id) on delete cascade,
        run_id uuid references enricher_run (id) on delete cascade,
        due_at timestamptz not null default clock_timestamp(),
        chunk_id uuid,
        is_repeat boolean not null default false,
        attempts smallint not null default 0
      )`)
    await runner.query('create unique index enrichment_work_due on enrichment_work (subject_id) where run_id is null')
    await runner.query('create unique index enrichment_work_run on enrichment_work (run_id, subject_id) where run_id is not null')
    await runner.query('create index enrichment_work_subject on enrichment_work (subject_id)')
    await runner.query('create index enrichment_work_open on enrichment_work (id) where run_id is null and chunk_id is null')
    await runner.query(
      'create index enrichment_work_open_run on enrichment_work (run_id, id) where run_id is not null and chunk_id is null',
    )
    await runner.query('create index enrichment_work_chunk on enrichment_work (chunk_id) where chunk_id is not null')

    await runner.query(`
      create table context_difference (
        id bigint generated always as identity primary key,
        run_id uuid not null references enricher_run (id) on delete cascade,
        subject_id bigint not null references enrichment_subject (id) on delete cascade,
        owner text not null,
        kind text not null check (kind in ('added', 'changed', 'removed', 'failed')),
        before json,
        after json,
        error json
      )`)
    await runner.query('create index context_difference_run on context_difference (run_id, id)')
    await runner.query('create index context_difference_subject on context_difference (subject_id)')

    await runner.query(`
      create table enricher_record (
        set_id uuid not null references enricher_set (id) on delete cascade,
        enricher text not null,
        runs bigint not null default 0,
        failures bigint not null default 0,
        ms double precision not null default 0,
        last_error json,
        last_failed_at timestamptz,
        last_digest text,
        last_key text,
        primary key (set_id, enricher)
      )`)

    // Somebody waits for the answer: a set to be compiled, or enrichers to be run once.
    await runner.query(`
      create table enricher_request (
        id uuid primary key,
        kind text not null check (kind in ('validate', 'test')),
        set_id uuid references enricher_set (id) on delete cascade,
        body json not null,
        -- of a test: the payload that was given, or the subject whose payload it is
        payload text,
        subject json,
        chunk_id uuid,
        attempts smallint not null default 0,
        state text not null default 'open' check (state in ('open', 'done', 'failed')),
        answer json,
        created_at timestamptz not null default clock_timestamp()
      )`)
    await runner.query(`create index enricher_request_open on enricher_request (created_at) where state = 'open' and chunk_id is null`)
    await runner.query('create index enricher_request_age on enricher_request (created_at)')
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'))
  }
}
