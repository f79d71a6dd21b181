import { Injectable } from '@nestjs/common'
import type { EnricherOutcome, ScriptFailure } from '@pharos/contracts'
import { rows, type SqlRunner } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { jsonArray, plainArray, textArray } from '../ingest/array-parameter.js'
import { storedText } from '../inventory/stored-text.js'

/** How an enricher of a set does. */
export interface EnricherRecordRow {
  enricher: string
  runs: string
  failures: string
  ms: number
  last_error: ScriptFailure | null
  last_failed_at: Date | null
  last_digest: string | null
  last_key: string | null
}

/** What came of all enrichers on one subject. */
export interface SubjectOutcomes {
  readonly digest: string
  readonly key: string
  readonly outcomes: readonly EnricherOutcome[]
}

interface Sum {
  runs: number
  failures: number
  ms: number
  last: { error: ScriptFailure; digest: string; key: string } | null
}

/** How the enrichers of a set do: runs, failures, time, and the last error of each. */
@Injectable()
export class EnricherRecordStore {
  async add(tx: Transaction, setId: string, at: Date, subjects: readonly SubjectOutcomes[]): Promise<void> {
    const sums = new Map<string, Sum>()
    for (const { digest, key, outcomes } of subjects) {
      for (const outcome of outcomes) {
        const sum = sums.get(outcome.enricher) ?? { runs: 0, failures: 0, ms: 0, last: null }
        sum.runs += 1
        sum.ms += outcome.ms
        if (!outcome.ok) {
          sum.failures += 1
          sum.last = { error: outcome.error, digest, key }
        }
        sums.set(outcome.enricher, sum)
      }
    }
    if (sums.size === 0) return
    // In the order of names, so that two deliveries wait for each other instead of locking each other out.
    const items = [...sums].sort(([one], [other]) => (one < other ? -1 : 1))
    await tx.query(
      `insert into enricher_record as r (set_id, enricher, runs, failures, ms, last_error, last_failed_at, last_digest, last_key)
       select $1, e, n, f, m, l, case when l is not null then $2::timestamptz end, d, k
         from unnest($3::text[], $4::int8[], $5::int8[], $6::float8[], $7::json[], $8::text[], $9::text[]) with ordinality as t(e, n, f, m, l, d, k, o) order by o
       on conflict (set_id, enricher) do update set runs = r.runs + excluded.runs, failures = r.failures + excluded.failures, ms = r.ms + excluded.ms,
         last_error = coalesce(excluded.last_error, r.last_error), last_failed_at = coalesce(excluded.last_failed_at, r.last_failed_at),
         last_digest = case when excluded.last_error is null then r.last_digest else excluded.last_digest end,
         last_key = case when excluded.last_error is null then r.last_key else excluded.last_key end`,
      [
        setId,
        at,
        textArray(items.map(([enricher]) => storedText(enricher))),
        plainArray(items.map(([, { runs }]) => runs)),
        plainArray(items.map(([, { failures }]) => failures)),
        plainArray(items.map(([, { ms }]) => ms)),
        jsonArray(items.map(([, { last }]) => (last === null ? null : JSON.stringify(last.error)))),
        textArray(items.map(([, { last }]) => last?.digest ?? null)),
        textArray(items.map(([, { last }]) => (last === null ? null : storedText(last.key)))),
      ],
    )
  }

  of(runner: SqlRunner, setId: string): Promise<EnricherRecordRow[]> {
    return rows<EnricherRecordRow>(
      runner,
      'select enricher, runs, failures, ms, last_error, last_failed_at, last_digest, last_key from enricher_record where set_id = $1',
      [setId],
    )
  }
}
