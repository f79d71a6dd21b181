import type { MigrationInterface, QueryRunner } from 'typeorm'

/** Schedules and watched repositories. */
export class CreateSchedules1790000000003 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table watch (
        id text primary key,
        repository text not null,
        tags text[] not null,
        platforms text[] not null,
        every text not null,
        max_tags int not null,
        created_at timestamptz not null default now(),
        created_by text not null,
        notification_token_hash bytea not null,
        last_problem text
      )`)
    await runner.query(`
      create table watch_tag (
        watch_id text not null references watch (id) on delete cascade,
        tag text not null,
        digest text not null,
        first_seen_at timestamptz not null default now(),
        last_seen_at timestamptz not null default now(),
        missing_at timestamptz,
        primary key (watch_id, tag)
      )`)
    await runner.query('create index watch_tag_digest on watch_tag (digest)')
    await runner.query(`
      create table schedule (
        id text primary key,
        kind text not null check (kind in ('rescan', 'watch', 'database-update', 'expiry')),
        watch_id text unique references watch (id) on delete cascade,
        every_ms bigint not null,
        is_paused boolean not null default false,
        next_run_at timestamptz not null default now(),
        last_run_at timestamptz,
        last_outcome text,
        lease_token_hash bytea,
        lease_until timestamptz,
        leased_by text
      )`)
    await runner.query('create index schedule_due on schedule (next_run_at) where not is_paused')
    await runner.query('create index schedule_lapsed on schedule (lease_until) where lease_until is not null')
    // The first rescan comes after a day: there is nothing to scan again yet.
    await runner.query(`
      insert into schedule (id, kind, every_ms, next_run_at) values
        ('rescan', 'rescan', 86400000, now() + interval '1 day'),
        ('database-update', 'database-update', 3600000, now()),
        ('expiry', 'expiry', 3600000, now() + interval '1 hour')`)
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'))
  }
}
