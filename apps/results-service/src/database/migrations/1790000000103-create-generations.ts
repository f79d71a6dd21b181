import type { MigrationInterface, QueryRunner } from 'typeorm'

/** Generations of the engines' vulnerability databases, with their archives. */
export class CreateGenerations1790000000103 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table database_generation (
        id uuid primary key,
        engine text not null,
        source text not null,
        file_name text not null,
        expected_checksum text,
        checksum text,
        size_bytes bigint not null default 0,
        schema_version text,
        built_at timestamptz,
        is_sample boolean not null default false,
        allow_older boolean not null default false,
        state text not null check (state in ('uploading', 'candidate', 'active', 'retired', 'refused')),
        problem text,
        has_archive boolean not null default false,
        created_at timestamptz not null default date_trunc('milliseconds', now()),
        activated_at timestamptz,
        retired_at timestamptz
      )`)
    await runner.query(`create unique index database_generation_active on database_generation (engine) where state = 'active'`)
    await runner.query('create index database_generation_newest on database_generation (id desc)')
    await runner.query(
      `create table generation_chunk (key uuid not null, position int not null, bytes bytea not null, primary key (key, position))`,
    )
    await runner.query('alter table generation_chunk alter column bytes set storage external')
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'))
  }
}
