import type { MigrationInterface, QueryRunner } from 'typeorm'

const statuses = `'in_triage', 'affected', 'not_affected', 'false_positive', 'accepted', 'fixed'`

/** What people and VEX documents say of findings, and the documents themselves. */
export class CreateDecisions1790000000250 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // The columns that the decision itself and each entry of its history have.
    const decision = `
        justification text,
        impact_statement text,
        comment text,
        response text[] not null default '{}',
        source text not null check (source in ('triage', 'vex')),
        -- of a decision by VEX: the document and the statement in it
        document_id uuid,
        statement_id bigint,
        -- the words of the document, or of whoever decided, where they are others than the columns'
        original json,
        decided_by text not null,
        decided_at timestamptz not null,
        -- when it ends by itself
        until timestamptz`
    await runner.query(`
      create table finding_decision (
        finding_id uuid primary key,
        image_id bigint not null,
        status text not null check (status in (${statuses})),
        -- that of its newest finding_decision_event
        version int not null,${decision}
      )`)
    await runner.query('create index finding_decision_image on finding_decision (image_id)')
    await runner.query('create index finding_decision_document on finding_decision (document_id) where document_id is not null')
    await runner.query('create index finding_decision_until on finding_decision (until) where until is not null')

    await runner.query(`
      create table finding_decision_event (
        id bigint generated always as identity primary key,
        finding_id uuid not null,
        image_id bigint not null,
        version int not null,
        -- moved: from a finding of the same vulnerability under another alias, into which it has merged
        kind text not null check (kind in ('set', 'withdrawn', 'expired', 'moved')),
        -- null when there is no decision any more
        status text check (status in (${statuses})),${decision},
        unique (finding_id, version)
      )`)
    await runner.query('create index finding_decision_event_image on finding_decision_event (image_id, id)')

    await runner.query(`
      create table vex_document (
        id uuid primary key,
        format text not null check (format in ('openvex', 'cyclonedx', 'csaf')),
        -- the id that the document gives itself
        document_id text not null,
        document_version text,
        author text,
        issued_at timestamptz not null,
        sha256 text not null,
        -- the document as it came, gzip
        body bytea not null,
        size_bytes int not null,
        statement_count int not null,
        warnings json not null,
        uploaded_by text not null,
        uploader_roles text[] not null,
        -- patterns of the repositories that the uploader may see, and can therefore speak of; null is all
        repositories text[],
        uploaded_at timestamptz not null,
        -- applying: images behind applied_image_id do not show its statements yet; removing: those behind it still do
        state text not null check (state in ('applying', 'applied', 'removing')),
        applied_image_id bigint not null default 0,
        superseded_by uuid,
        unique (sha256, uploaded_by)
      )`)
    await runner.query('alter table vex_document alter column body set storage external')
    await runner.query('create index vex_document_newest on vex_document (uploaded_at desc, id desc)')
    await runner.query(`create index vex_document_pending on vex_document (id) where state <> 'applied'`)

    await runner.query(`
      create table vex_statement (
        id bigint generated always as identity primary key,
        document_id uuid not null references vex_document (id) on delete cascade,
        position int not null,
        status text not null check (status in (${statuses})),
        justification text,
        impact_statement text,
        comment text,
        response text[] not null default '{}',
        original json not null,
        at timestamptz not null,
        vulnerability text not null,
        -- what it is about: ids of products, and of components in them
        products json not null
      )`)
    await runner.query('create index vex_statement_document on vex_statement (document_id, position)')
    await runner.query(`
      create table vex_statement_alias (
        alias_hash uuid not null,
        statement_id bigint not null references vex_statement (id) on delete cascade,
        primary key (alias_hash, statement_id)
      )`)
    await runner.query('create index vex_statement_alias_statement on vex_statement_alias (statement_id)')

    // Which statement is about which finding. No foreign keys, as with findings themselves.
    await runner.query(`
      create table vex_match (
        finding_id uuid not null,
        statement_id bigint not null,
        image_id bigint not null,
        -- false: the statement is a proposal, the trust rules do not let it decide
        is_trusted boolean not null,
        primary key (finding_id, statement_id)
      )`)
    await runner.query('create index vex_match_image on vex_match (image_id)')
    await runner.query('create index vex_match_statement on vex_match (statement_id, image_id)')

    await runner.query(`
      create table vex_trust (
        only_row boolean primary key default true check (only_row),
        rules json not null,
        version int not null,
        updated_by text not null,
        updated_at timestamptz not null
      )`)
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'))
  }
}
