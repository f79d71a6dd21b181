import type { MigrationInterface, QueryRunner } from 'typeorm'

/** The event log, its consumers' cursors, and the idempotency keys. */
export class CreateEvents1790000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // An identity alone skips rows that commit late; ordered by (xid, id) and cut below the oldest running transaction, none is.
    await runner.query(`
      create table event (
        id bigint generated always as identity,
        xid xid8 not null default pg_current_xact_id(),
        at timestamptz not null default now(),
        body jsonb not null,
        primary key (xid, id)
      )`)
    await runner.query('create index event_at on event (at)')
    await runner.query(
      `create table event_consumer (name text primary key, xid xid8 not null, id bigint not null, updated_at timestamptz not null default now())`,
    )
    await runner.query(`
      create table idempotency_key (
        principal text not null,
        route text not null,
        key text not null,
        body_sha256 bytea not null,
        -- null while the first request is answered
        status int,
        answer text,
        -- a first request that died is given up at this time
        locked_until timestamptz not null,
        created_at timestamptz not null default now(),
        primary key (principal, route, key)
      )`)
    await runner.query('create index idempotency_key_created on idempotency_key (created_at)')
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'))
  }
}
