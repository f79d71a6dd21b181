import type { MigrationInterface, QueryRunner } from 'typeorm'

/** Tokens, users, registries with their encrypted credentials, and the audit log. */
export class CreateAccess1790000000002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table api_token (
        id text primary key,
        name text not null,
        sha256 bytea not null unique,
        roles text[] not null,
        -- null: every repository
        repositories text[],
        created_at timestamptz not null default now(),
        created_by text not null,
        expires_at timestamptz,
        last_used_at timestamptz,
        revoked_at timestamptz
      )`)
    await runner.query('create index api_token_owner on api_token (created_by, id)')
    await runner.query(`
      create table app_user (
        name text primary key,
        password_hash text not null,
        roles text[] not null,
        repositories text[],
        created_at timestamptz not null default now(),
        disabled_at timestamptz
      )`)
    await runner.query(`
      create table registry (
        id uuid primary key,
        host text not null unique,
        username text,
        allow_http boolean not null,
        insecure_skip_tls_verify boolean not null,
        ca_certificate text,
        allow_internal boolean not null,
        mirrors text[] not null,
        token_hosts text[] not null,
        max_concurrent int not null,
        -- AES-256-GCM of {password, identityToken}, bound to the host
        credential bytea,
        key_id text,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        check ((credential is null) = (key_id is null))
      )`)
    await runner.query(`
      create table audit_event (
        id bigint generated always as identity primary key,
        at timestamptz not null default now(),
        principal text not null,
        action text not null,
        subject text not null,
        detail jsonb not null default '{}'
      )`)
    await runner.query('create index audit_event_action on audit_event (action, id desc)')
    await runner.query('create index audit_event_principal on audit_event (principal, id desc)')
    await runner.query('create index audit_event_at on audit_event (at)')
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'))
  }
}
