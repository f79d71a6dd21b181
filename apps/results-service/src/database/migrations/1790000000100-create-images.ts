import type { MigrationInterface, QueryRunner } from 'typeorm'

/** Images, what leads to them, what is in them, and what is known about them from outside. */
export class CreateImages1790000000100 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table image (
        id bigint generated always as identity primary key,
        digest text not null unique,
        media_type text not null,
        platform text not null,
        config_digest text,
        size_bytes bigint not null,
        -- json, not jsonb: written once, read whole, and it keeps any character of a string
        layers json not null,
        annotations json not null,
        labels json not null default '{}',
        history json not null default '[]',
        diff_ids json not null default '[]',
        distro text,
        created_at timestamptz,
        -- hash over all occurrences of packages: a rescan that finds the same ones touches none
        packages_hash uuid,
        package_count int not null default 0,
        cataloguer json,
        max_risk real not null default 0,
        first_seen_at timestamptz not null default date_trunc('milliseconds', now()),
        -- 'epoch' until an engine has completed, so that a keyset needs no null
        last_scanned_at timestamptz not null default 'epoch',
        deleted_from_registry_at timestamptz
      )`)
    await runner.query('create index image_last_scanned on image (last_scanned_at desc, id desc)')
    await runner.query('create index image_max_risk on image (max_risk desc, id desc)')
    await runner.query('create index image_config_digest on image (config_digest) where config_digest is not null')

    await runner.query(`
      create table image_index (
        index_digest text not null,
        platform text not null,
        manifest_digest text not null,
        primary key (index_digest, platform, manifest_digest)
      )`)
    await runner.query('create index image_index_manifest on image_index (manifest_digest)')

    // Which tag led to which image, from when to when. A digest reference has the tag ''.
    await runner.query(`
      create table image_reference (
        id bigint generated always as identity primary key,
        repository text not null,
        tag text not null,
        platform text not null,
        image_id bigint not null references image (id) on delete cascade,
        since timestamptz not null,
        until timestamptz
      )`)
    await runner.query(
      `create unique index image_reference_current on image_reference (repository, tag, platform) where until is null and tag <> ''`,
    )
    await runner.query(
      `create unique index image_reference_digest on image_reference (repository, image_id) where until is null and tag = ''`,
    )
    await runner.query('create index image_reference_image on image_reference (image_id)')
    await runner.query('create index image_reference_repository on image_reference (repository text_pattern_ops, tag)')

    await runner.query(`
      create table catalogue (
        id uuid primary key default gen_random_uuid(),
        digest text not null,
        cataloguer text not null,
        version text not null,
        configuration text not null,
        size_bytes bigint not null,
        created_at timestamptz not null default date_trunc('milliseconds', now()),
        unique (digest, cataloguer, version, configuration)
      )`)
    await runner.query(
      `create table catalogue_chunk (key uuid not null, position int not null, bytes bytea not null, primary key (key, position))`,
    )
    await runner.query('alter table catalogue_chunk alter column bytes set storage external')

    // hash: over the fields that matchers read; the upper 128 bits of a SHA-256.
    await runner.query(`
      create table package (
        id bigint generated always as identity primary key,
        hash uuid not null unique,
        type text not null,
        name text not null,
        version text not null,
        purl text,
        distro text,
        language text,
        detail json not null
      )`)

    // One row an occurrence. occurrence: hash of type, name and place, see finding-identity.ts.
    await runner.query(`
      create table image_package (
        image_id bigint not null,
        occurrence uuid not null,
        package_id bigint not null,
        is_present boolean not null default true,
        detail json not null,
        primary key (image_id, occurrence)
      )`)

    await runner.query(`
      create table image_context (
        digest text not null,
        key text not null,
        owner text not null,
        data json not null,
        updated_at timestamptz not null default date_trunc('milliseconds', now()),
        primary key (digest, key, owner)
      )`)
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'))
  }
}
