import { Injectable } from '@nestjs/common'
import type { ScriptFailure } from '@pharos/contracts'
import { rows } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { jsonArray, plainArray, textArray } from '../ingest/array-parameter.js'
import type { ContextChange, StoredContext } from './context-changes.js'
import { LabelStore } from './label-store.js'

/** What a delivery does to the contexts of a subject. */
export interface SubjectChanges {
  readonly subject: number
  readonly changes: readonly ContextChange[]
}

interface ContextRow {
  subject_id: string
  owner: string
  data: Record<string, unknown> | null
  error: ScriptFailure | null
}

const jsonOrNull = (value: unknown): string | null => (value === null ? null : JSON.stringify(value))

/** Contexts that enrichers have made. */
@Injectable()
export class EnrichedContextStore {
  constructor(private readonly labels: LabelStore) {}

  async load(tx: Transaction, subjects: readonly number[]): Promise<Map<number, StoredContext[]>> {
    const found = await rows<ContextRow>(
      tx,
      'select subject_id, owner, data, error from enrichment_context where subject_id = any ($1::int8[]) order by subject_id, owner',
      [plainArray(subjects)],
    )
    const contexts = new Map<number, StoredContext[]>()
    for (const { subject_id, owner, data, error } of found) {
      const subject = Number(subject_id)
      contexts.set(subject, [...(contexts.get(subject) ?? []), { owner, data, error }])
    }
    return contexts
  }

  /** Applies what changesOf has found. Since when an enricher fails is kept from failure to failure. */
  async apply(tx: Transaction, made: { setId: string; at: Date }, subjects: readonly SubjectChanges[]): Promise<void> {
    const all = subjects.flatMap(({ subject, changes }) => changes.map((change) => ({ subject, ...change })))
    const gone = all.filter(({ kind, error, after }) => kind === 'removed' || (after === null && error === null))
    if (gone.length > 0) {
      await tx.query(
        'delete from enrichment_context c using unnest($1::int8[], $2::text[]) as g(subject, owner) where c.subject_id = g.subject and c.owner = g.owner',
        [plainArray(gone.map(({ subject }) => subject)), textArray(gone.map(({ owner }) => owner))],
      )
    }
    const kept = all.filter((change) => !gone.includes(change))
    if (kept.length > 0) {
      await tx.query(
        `insert into enrichment_context as c (subject_id, owner, set_id, data, updated_at, error, failed_at)
         select s, o, $1, d, $2, e, case when e is not null then $2::timestamptz end from unnest($3::int8[], $4::text[], $5::json[], $6::json[]) as t(s, o, d, e) order by s, o
         on conflict (subject_id, owner) do update set
           set_id = case when excluded.error is null then excluded.set_id else c.set_id end,
           data = excluded.data,
           updated_at = case when c.data::text is distinct from excluded.data::text then excluded.updated_at else c.updated_at end,
           error = excluded.error,
           failed_at = case when excluded.error is null then null else coalesce(c.failed_at, excluded.failed_at) end`,
        [
          made.setId,
          made.at,
          plainArray(kept.map(({ subject }) => subject)),
          textArray(kept.map(({ owner }) => owner)),
          // One spelling of what is the same: an unchanged context keeps its text, and so its moment.
          jsonArray(kept.map(({ kind, before, after }) => jsonOrNull(kind === 'unchanged' ? before : after))),
          jsonArray(kept.map(({ error }) => jsonOrNull(error))),
        ],
      )
    }
    const moved = all.filter(({ kind }) => kind === 'added' || kind === 'changed' || kind === 'removed')
    await this.labels.replace(
      tx,
      moved.map(({ subject, owner, after }) => ({ subject, owner, data: after })),
    )
  }
}
