import type { MigrationInterface, QueryRunner } from 'typeorm'

/** Findings that somebody selected, to decide about all of them at once and to take that back. */
export class CreateSelections1790000000245 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table selection (
        id uuid primary key,
        principal text not null,
        filter text not null,
        total int not null,
        preview json not null,
        state text not null check (state in ('ready', 'applying', 'applied', 'undoing', 'undone')),
        -- positions up to this one are dealt with in this state: a replica that dies leaves its chunk to the next one
        done_position int not null default 0,
        -- what is being set, as the caller gave it, and who did so
        decision json,
        decided_by text,
        changed int not null default 0,
        unchanged int not null default 0,
        undone int not null default 0,
        kept int not null default 0,
        created_at timestamptz not null,
        expires_at timestamptz not null
      )`)
    await runner.query(`create index selection_working on selection (id) where state in ('applying', 'undoing')`)
    await runner.query('create index selection_expiry on selection (expires_at)')
    // In the order of ids of findings, in which those of an image lie side by side.
    await runner.query(`
      create table selection_finding (
        selection_id uuid not null references selection (id) on delete cascade,
        position int not null,
        finding_id uuid not null,
        -- version of the decision that was set; null while none was, or nothing changed by it
        version int,
        -- the decision before; null for none
        former json,
        primary key (selection_id, position)
      )`)
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'))
  }
}
