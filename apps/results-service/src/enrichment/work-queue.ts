import { Injectable } from '@nestjs/common'
import { hashToken, isTokenOf, issueToken } from '../attempts/attempt-token.js'
import { newId } from '../database/identifier.js'
import { affected, oneRow, rows } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { plainArray } from '../ingest/array-parameter.js'

/** Work as it is given out. */
export interface TakenWork {
  readonly chunkId: string
  readonly token: string
  readonly setId: string
  readonly run: { readonly id: string; readonly kind: 'activate' | 'compare' } | null
  readonly subjects: readonly number[]
}

/** A chunk under lock. */
export interface LockedChunk {
  readonly id: string
  readonly serial: number
  readonly kind: 'subjects' | 'validate' | 'test'
  readonly setId: string | null
  readonly runId: string | null
  readonly requestId: string | null
  readonly state: 'open' | 'done'
}

/** A subject of a chunk that was not delivered yet. */
export interface HeldWork {
  readonly id: number
  readonly subject: number
  readonly isRepeat: boolean
}

/** Who takes work, for how long, and how much at most. */
export interface Taker {
  readonly workerId: string
  readonly leaseMs: number
  readonly subjects: number
  /** Findings and packages of a chunk; the first subject may have more. */
  readonly facts: number
}

interface ChunkRow {
  id: string
  serial: string
  kind: LockedChunk['kind']
  set_id: string | null
  run_id: string | null
  request_id: string | null
  token_hash: Buffer
  state: LockedChunk['state']
}

interface OpenRow {
  id: string
  subject_id: string
  attempts: number
  facts: number
}

/** Work that was taken so often without an end is given up. */
export const attemptLimit = 3

const lost = 'The workers that ran its enrichers were lost.'

/** Subjects that wait for their enrichers: taken in chunks under a lease, those that are due by themselves ahead of runs. */
@Injectable()
export class WorkQueue {
  /** Frees what lost workers hold. */
  async freeLapsed(tx: Transaction): Promise<void> {
    const lapsed = await rows<{ id: string }>(
      tx,
      `select id from enrichment_chunk where state = 'open' and lease_until < clock_timestamp() order by serial for update skip locked`,
    )
    for (const { id } of lapsed) await this.dissolve(tx, id)
  }

  /** Takes the next subjects that nobody holds; null when there are none. */
  async take(tx: Transaction, taker: Taker): Promise<TakenWork | null> {
    const active = await oneRow<{ id: string }>(tx, `select id from enricher_set where state = 'active' for share`)
    if (active !== null) {
      const due = await this.takeOf(tx, taker, { setId: active.id, run: null })
      if (due !== null) return due
    }
    const running = await rows<{ id: string; kind: 'activate' | 'compare'; set_id: string }>(
      tx,
      `select id, kind, set_id from enricher_run where state = 'running' order by started_at, id`,
    )
    for (const { id, kind, set_id } of running) {
      const taken = await this.takeOf(tx, taker, { setId: set_id, run: { id, kind } })
      if (taken !== null) return taken
    }
    return null
  }

  private async takeOf(tx: Transaction, taker: Taker, from: Pick<TakenWork, 'setId' | 'run'>): Promise<TakenWork | null> {
    for (;;) {
      const open = await rows<OpenRow>(
        tx,
        `select w.id, w.subject_id, w.attempts,
                i.package_count + (select coalesce(sum(c.critical + c.high + c.medium + c.low + c.negligible + c.unknown + c.suppressed), 0) from image_summary c where c.image_id = i.id)::int as facts
           from (select * from enrichment_work where ${from.run === null ? 'run_id is null' : 'run_id = $2'} and chunk_id is null order by id limit $1 for update skip locked) w
           join enrichment_subject s on s.id = w.subject_id join image i on i.id = s.image_id order by w.id`,
        from.run === null ? [taker.subjects] : [taker.subjects, from.run.id],
      )
      const [first] = open
      if (first === undefined) return null
      if (first.attempts >= attemptLimit) {
        await this.giveUp(tx, [Number(first.id)], lost)
        continue
      }
      const chosen = chunkOf(open, taker.facts)
      const { token, hash } = issueToken()
      const chunkId = newId()
      await tx.query(
        `insert into enrichment_chunk (id, kind, set_id, run_id, worker_id, token_hash, lease_until) values ($1, 'subjects', $2, $3, $4, $5, clock_timestamp() + $6 * interval '1 ms')`,
        [chunkId, from.setId, from.run?.id ?? null, taker.workerId, hash, taker.leaseMs],
      )
      await tx.query('update enrichment_work set chunk_id = $1, attempts = attempts + 1, is_repeat = false where id = any ($2::int8[])', [
        chunkId,
        plainArray(chosen.map(({ id }) => id)),
      ])
      return { chunkId, token, ...from, subjects: chosen.map(({ subject_id }) => Number(subject_id)) }
    }
  }

  /** A chunk for a request, of which somebody waits for the answer. */
  async open(tx: Transaction, request: { id: string; kind: 'validate' | 'test' }, taker: Pick<Taker, 'workerId' | 'leaseMs'>) {
    const { token, hash } = issueToken()
    const chunkId = newId()
    await tx.query(
      `insert into enrichment_chunk (id, kind, request_id, worker_id, token_hash, lease_until) values ($1, $2, $3, $4, $5, clock_timestamp() + $6 * interval '1 ms')`,
      [chunkId, request.kind, request.id, taker.workerId, hash, taker.leaseMs],
    )
    return { chunkId, token }
  }

  /** Locks a chunk; null when it is gone or another's. */
  async lock(tx: Transaction, chunkId: string, token: string): Promise<LockedChunk | null> {
    const row = await oneRow<ChunkRow>(tx, 'select * from enrichment_chunk where id = $1 for update', [chunkId])
    if (row === null || !isTokenOf(token, row.token_hash)) return null
    return {
      id: row.id,
      serial: Number(row.serial),
      kind: row.kind,
      setId: row.set_id,
      runId: row.run_id,
      requestId: row.request_id,
      state: row.state,
    }
  }

  /** Renews a lease. Returns whether the chunk is still the holder's and its run goes on. */
  async renew(tx: Transaction, chunkId: string, token: string, leaseMs: number): Promise<boolean> {
    const renewed = await affected(
      tx,
      `update enrichment_chunk c set lease_until = clock_timestamp() + $3 * interval '1 ms'
        where c.id = $1 and c.token_hash = $2 and c.state = 'open' and (c.run_id is null or exists (select from enricher_run r where r.id = c.run_id and r.state = 'running'))`,
      [chunkId, hashToken(token), leaseMs],
    )
    return renewed > 0
  }

  /** What of a chunk was not delivered yet, of these subjects or all, under lock. */
  async held(tx: Transaction, chunkId: string, subjects: readonly number[] | null): Promise<HeldWork[]> {
    const found = await rows<{ id: string; subject_id: string; is_repeat: boolean }>(
      tx,
      'select id, subject_id, is_repeat from enrichment_work where chunk_id = $1 and ($2::int8[] is null or subject_id = any ($2::int8[])) order by subject_id for update',
      [chunkId, subjects === null ? null : plainArray(subjects)],
    )
    return found.map((row) => ({ id: Number(row.id), subject: Number(row.subject_id), isRepeat: row.is_repeat }))
  }

  /** Ends delivered work; what became due again meanwhile can be taken again. Returns what the chunk still holds. */
  async finish(tx: Transaction, chunkId: string, work: readonly HeldWork[]): Promise<number> {
    await tx.query(
      'update enrichment_work set chunk_id = null, is_repeat = false, attempts = 0, due_at = clock_timestamp() where id = any ($1::int8[])',
      [plainArray(work.filter(({ isRepeat }) => isRepeat).map(({ id }) => id))],
    )
    await tx.query('delete from enrichment_work where id = any ($1::int8[])', [
      plainArray(work.filter(({ isRepeat }) => !isRepeat).map(({ id }) => id)),
    ])
    const left = await oneRow<{ count: number }>(tx, 'select count(*)::int as count from enrichment_work where chunk_id = $1', [chunkId])
    const remaining = left?.count ?? 0
    if (remaining === 0) await this.end(tx, chunkId)
    return remaining
  }

  /** Dissolves the chunks of a run, or of all that write contexts: their tokens are dead. */
  async dissolveAll(tx: Transaction, of: { runId: string } | 'contexts'): Promise<void> {
    const found = await rows<{ id: string }>(
      tx,
      `select c.id from enrichment_chunk c left join enricher_run r on r.id = c.run_id
        where c.state = 'open' and c.kind = 'subjects' and ($1::uuid is null and r.kind is distinct from 'compare' or c.run_id = $1::uuid) order by c.serial for update of c`,
      [of === 'contexts' ? null : of.runId],
    )
    for (const { id } of found) await this.dissolve(tx, id, { reason: '', isCounted: false })
  }

  /** Removes chunks that ended so long ago that nobody delivers them again. */
  async removeEnded(tx: Transaction, keepMs: number): Promise<void> {
    await tx.query(`delete from enrichment_chunk where state = 'done' and ended_at < clock_timestamp() - $1 * interval '1 ms'`, [keepMs])
  }

  async end(tx: Transaction, chunkId: string): Promise<void> {
    await tx.query(`update enrichment_chunk set state = 'done', ended_at = clock_timestamp() where id = $1`, [chunkId])
  }

  /** Lets what a chunk still holds be taken again; `isCounted` is false where its holder had no fault. Its token is dead from then on. */
  async dissolve(
    tx: Transaction,
    chunkId: string,
    outcome: { reason: string; isCounted: boolean } = { reason: lost, isCounted: true },
  ): Promise<void> {
    const released = await rows<{ id: string; attempts: number }>(
      tx,
      'update enrichment_work set chunk_id = null, is_repeat = false, attempts = attempts - $2 where chunk_id = $1 returning id, attempts',
      [chunkId, outcome.isCounted ? 0 : 1],
    )
    await tx.query(
      `update enricher_request set chunk_id = null, attempts = attempts - $2, answer = $3 where state = 'open' and chunk_id = $1`,
      [chunkId, outcome.isCounted ? 0 : 1, JSON.stringify({ reason: outcome.reason })],
    )
    await tx.query('delete from enrichment_chunk where id = $1', [chunkId])
    await this.giveUp(
      tx,
      released.filter(({ attempts }) => attempts >= attemptLimit).map(({ id }) => Number(id)),
      outcome.reason,
    )
  }

  /** Their contexts stay as they are, and the reason stands beside them; in a run they count as failed. */
  private async giveUp(tx: Transaction, work: readonly number[], reason: string): Promise<void> {
    if (work.length === 0) return
    const gone = await rows<{ subject_id: string; run_id: string | null; kind: string | null }>(
      tx,
      'delete from enrichment_work w where id = any ($1::int8[]) returning subject_id, run_id, (select r.kind from enricher_run r where r.id = w.run_id) as kind',
      [plainArray(work)],
    )
    const own = gone.filter(({ kind }) => kind !== 'compare')
    await tx.query('update enrichment_subject set problem = $2 where id = any ($1::int8[])', [
      plainArray(own.map(({ subject_id }) => subject_id)),
      reason,
    ])
    for (const runId of new Set(gone.flatMap(({ run_id }) => run_id ?? []))) {
      const count = gone.filter(({ run_id }) => run_id === runId).length
      await tx.query('update enricher_run set done = done + $2, failed = failed + $2, problem = $3 where id = $1', [runId, count, reason])
    }
  }
}

/** Work that has failed before is taken alone, so that it takes nothing else with it. */
function chunkOf(open: readonly OpenRow[], limit: number): OpenRow[] {
  const [first] = open
  if (first === undefined || first.attempts > 0) return first === undefined ? [] : [first]
  const chosen: OpenRow[] = []
  let facts = 0
  for (const row of open) {
    facts += row.facts
    if (row.attempts > 0 || (chosen.length > 0 && facts > limit)) break
    chosen.push(row)
  }
  return chosen
}
