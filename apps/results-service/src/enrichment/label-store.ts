import { Injectable } from '@nestjs/common'
import type { Transaction } from '../database/transaction.js'
import { plainArray, textArray } from '../ingest/array-parameter.js'
import { likePattern } from '../access/repository-scope.js'
import { labelsOf } from './context-labels.js'

/** A context whose labels are to be those of its data; null has none. */
export interface LabelledContext {
  readonly subject: number
  readonly owner: string
  readonly data: Readonly<Record<string, unknown>> | null
}

/** Values of contexts, by which filters find images and workloads. */
@Injectable()
export class LabelStore {
  async replace(tx: Transaction, contexts: readonly LabelledContext[]): Promise<void> {
    if (contexts.length === 0) return
    await tx.query(
      `delete from context_label l using unnest($1::int8[], $2::text[]) as c(subject, prefix) where l.subject_id = c.subject and l.name like c.prefix`,
      [plainArray(contexts.map(({ subject }) => subject)), textArray(contexts.map(({ owner }) => likePattern(`${owner}.*`)))],
    )
    const labels = contexts.flatMap(({ subject, owner, data }) =>
      data === null ? [] : labelsOf(owner, data).map((label) => ({ subject, ...label })),
    )
    if (labels.length === 0) return
    await tx.query(
      `insert into context_label (subject_id, name, value) select * from unnest($1::int8[], $2::text[], $3::text[]) as t(s, n, v) order by 1, 2, 3 on conflict do nothing`,
      [
        plainArray(labels.map(({ subject }) => subject)),
        textArray(labels.map(({ name }) => name)),
        textArray(labels.map(({ value }) => value)),
      ],
    )
  }
}
