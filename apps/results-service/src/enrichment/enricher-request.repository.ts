import { Injectable } from '@nestjs/common'
import type { EnricherFile, EnricherSource } from '@pharos/contracts'
import { newId } from '../database/identifier.js'
import { oneRow, type SqlRunner } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { attemptLimit } from './work-queue.js'

/** What a worker is asked to do at once. */
export interface RequestBody {
  readonly files: EnricherFile[] | null
  readonly source: EnricherSource | null
  /** Of a test: only this enricher. */
  readonly enricher: string | null
}

/** Of a test: the subject whose payload is wanted. */
export interface RequestSubject {
  readonly imageId: string
  readonly kind: number
  readonly key: string
  readonly workloadId: string | null
}

export interface NewRequest {
  readonly kind: 'validate' | 'test'
  readonly setId: string | null
  readonly body: RequestBody
  readonly payload: string | null
  readonly subject: RequestSubject | null
}

export interface RequestRow {
  id: string
  kind: 'validate' | 'test'
  set_id: string | null
  set_hash: string | null
  body: RequestBody
  payload: string | null
  subject: RequestSubject | null
}

/** How a request stands. */
export interface RequestState {
  readonly state: 'open' | 'done' | 'failed'
  readonly answer: unknown
}

/** Requests to workers of which somebody waits for the answer. */
@Injectable()
export class EnricherRequestRepository {
  async create(tx: Transaction, request: NewRequest): Promise<string> {
    const id = newId()
    await tx.query('insert into enricher_request (id, kind, set_id, body, payload, subject) values ($1, $2, $3, $4, $5, $6)', [
      id,
      request.kind,
      request.setId,
      JSON.stringify(request.body),
      request.payload,
      request.subject === null ? null : JSON.stringify(request.subject),
    ])
    return id
  }

  /** The oldest that nobody works on; locked. A test whose asker is gone is left to its end. */
  next(tx: Transaction, testAgeMs: number): Promise<RequestRow | null> {
    return oneRow<RequestRow>(
      tx,
      `select r.id, r.kind, r.set_id, s.hash as set_hash, r.body, r.payload, r.subject
         from enricher_request r left join enricher_set s on s.id = r.set_id
        where r.state = 'open' and r.chunk_id is null and r.attempts < ${attemptLimit} and (r.kind = 'validate' or r.created_at > clock_timestamp() - $1 * interval '1 ms')
        order by r.created_at limit 1 for update of r skip locked`,
      [testAgeMs],
    )
  }

  async give(tx: Transaction, id: string, chunkId: string): Promise<void> {
    await tx.query('update enricher_request set chunk_id = $2, attempts = attempts + 1 where id = $1', [id, chunkId])
  }

  find(runner: SqlRunner, id: string): Promise<(RequestState & { set_id: string | null }) | null> {
    return oneRow(runner, 'select state, answer, set_id from enricher_request where id = $1', [id])
  }

  async end(tx: Transaction, id: string, state: 'done' | 'failed', answer: unknown): Promise<void> {
    await tx.query('update enricher_request set state = $2, answer = $3, chunk_id = null where id = $1', [
      id,
      state,
      JSON.stringify(answer),
    ])
  }

  /** Ends those that no worker could do, and removes old ones. */
  async settle(tx: Transaction, keepMs: number): Promise<void> {
    await tx.query(
      `update enricher_request set state = 'failed', answer = coalesce(answer, '{"reason":"No worker could do it."}') where state = 'open' and chunk_id is null and attempts >= ${attemptLimit}`,
    )
    await tx.query(
      `update enricher_set s set state = 'invalid', problems = '[{"file":"","message":"No worker could check this set: it ended each that tried. Send it again when that is mended."}]'
        where s.state = 'checking' and exists (select from enricher_request r where r.set_id = s.id and r.kind = 'validate' and r.state = 'failed')`,
    )
    await tx.query(
      `delete from enricher_request where created_at < clock_timestamp() - $1 * interval '1 ms' and (kind = 'test' or state <> 'open')`,
      [keepMs],
    )
  }
}
