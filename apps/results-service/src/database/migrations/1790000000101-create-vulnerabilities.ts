import type { MigrationInterface, QueryRunner } from 'typeorm'

/** Vulnerabilities as their sources tell them, the groups that their ids form, and how they match packages. */
export class CreateVulnerabilities1790000000101 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // seed: the name that the group was first known by; finding ids are made of it, so they survive a group that gains a CVE.
    await runner.query(`
      create table vulnerability_group (
        id bigint generated always as identity primary key,
        seed text not null,
        canonical_id text not null
      )`)
    await runner.query(`
      create table vulnerability_alias (
        alias_hash uuid not null,
        group_id bigint not null,
        alias text not null,
        -- a member decides the group of a vulnerability; other aliases only find it
        is_member boolean not null,
        primary key (alias_hash, group_id)
      )`)
    await runner.query('create unique index vulnerability_alias_member on vulnerability_alias (alias_hash) where is_member')
    await runner.query('create index vulnerability_alias_group on vulnerability_alias (group_id)')

    await runner.query(`
      create table vulnerability (
        id bigint generated always as identity primary key,
        key_hash uuid not null unique,
        content_hash uuid not null,
        group_id bigint not null,
        native_id text not null,
        namespace text not null,
        severity smallint not null,
        severity_given text not null,
        body json not null
      )`)
    await runner.query('create index vulnerability_group_of on vulnerability (group_id)')

    // What moves daily stands beside the vulnerability, so that its wide row stays.
    await runner.query(`
      create table vulnerability_score (
        vulnerability_id bigint primary key,
        epss double precision,
        body text not null
      )`)

    await runner.query(`
      create table package_match (
        id bigint generated always as identity primary key,
        package_id bigint not null,
        vulnerability_id bigint not null,
        engine smallint not null,
        fix_state smallint not null,
        content_hash uuid not null,
        body json not null,
        -- the interval of database generations in which it held; null for a database that Pharos does not manage
        since_generation uuid,
        until_generation uuid,
        is_open boolean not null default true
      )`)
    await runner.query('create unique index package_match_open on package_match (package_id, vulnerability_id, engine) where is_open')
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'))
  }
}
