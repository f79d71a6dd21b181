import { Injectable } from '@nestjs/common'
import type { EngineName } from '@pharos/contracts'
import { hashToken, isTokenOf, issueToken } from '../attempts/attempt-token.js'
import { affected, oneRow, rows } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { plainArray, textArray } from '../ingest/array-parameter.js'
import { engineCode } from '../inventory/column-codes.js'
import { storedText } from '../inventory/stored-text.js'

/** difference: what both databases differ in, which decides which packages and vulnerabilities there are chunks of. */
export type ChunkKind = 'difference' | 'packages' | 'scores'

/** A chunk that a worker has taken. */
export interface TakenChunk {
  readonly rematchId: string
  readonly number: number
  readonly kind: ChunkKind
  /** Packages or vulnerabilities. */
  readonly ids: readonly number[]
  readonly token: string
}

/** A chunk under lock. */
export interface LockedChunk {
  readonly kind: ChunkKind
  readonly state: 'open' | 'done' | 'failed'
  readonly ids: readonly number[]
  /** The token that was shown is the chunk's own. */
  readonly isOwn: boolean
}

/** Packages that a difference touches. */
export interface TouchedPackages {
  /** Rules of the keys; packages whose keys are of others are touched. */
  readonly keysVersion: string
  readonly keys: readonly number[]
  /** Packages a chunk. */
  readonly size: number
}

/** Vulnerabilities that are described again. */
export interface NamedScores {
  readonly names: readonly string[]
  readonly upTo: number
  readonly engine: EngineName
  /** Vulnerabilities a chunk. */
  readonly size: number
}

interface ChunkRow {
  rematch_id: string
  number: number
  kind: ChunkKind
  ids: string[]
  state: 'open' | 'done' | 'failed'
  attempts: number
  token_hash: Buffer | null
}

/** A chunk that was taken so often without an end is given up. */
const attemptLimit = 3

/** Chunks of re-matches: taken under a lease, ended once. */
@Injectable()
export class RematchChunkStore {
  /** The first piece of work of a narrowed re-match. */
  async addDifference(tx: Transaction, rematchId: string): Promise<void> {
    await tx.query(`insert into rematch_chunk (rematch_id, number, kind, ids) values ($1, 1, 'difference', '{}')`, [rematchId])
  }

  /** Cuts the packages that can be matched without their image into chunks, in the order of ids. */
  async addPackages(tx: Transaction, rematchId: string, size: number): Promise<void> {
    await this.cut(tx, rematchId, 'packages', `select package_id as id from package_input`, size, [])
  }

  /** Cuts those that a difference touches, and those of which nobody knows what they are searched for by. Returns how many are left out. */
  async addTouchedPackages(tx: Transaction, rematchId: string, touched: TouchedPackages): Promise<number> {
    await tx.query(
      `create temp table touched_input on commit drop as
       select s.package_id as id from package_search s join package_input i on i.package_id = s.package_id where s.version = $1 and s.keys && $2::int8[]
       union all
       select i.package_id from package_input i where not exists (select from package_search s where s.package_id = i.package_id and s.version = $1)`,
      [touched.keysVersion, plainArray(touched.keys)],
    )
    await this.cut(tx, rematchId, 'packages', 'select id from touched_input', touched.size, [])
    const row = await oneRow<{ skipped: number }>(
      tx,
      'select ((select count(*) from package_input) - (select count(*) from touched_input))::int as skipped',
    )
    return row?.skipped ?? 0
  }

  /** Those that came in while others were matched. Returns how many. */
  async addLatePackages(tx: Transaction, rematchId: string, size: number): Promise<void> {
    await this.cut(tx, rematchId, 'packages', 'select package_id as id from late_package', size, [])
  }

  /** Vulnerabilities that the engine has matched, with greater ids than `after`. */
  async addScores(tx: Transaction, rematchId: string, which: { after: number; engine: EngineName; size: number }): Promise<void> {
    const sql = `select v.id from vulnerability v where v.id > $4 and exists (select from package_match m where m.vulnerability_id = v.id and m.engine = $5)`
    await this.cut(tx, rematchId, 'scores', sql, which.size, [which.after, engineCode(which.engine)])
  }

  /** Vulnerabilities up to `upTo` that the engine has matched and that have one of the names, in lower case. */
  async addNamedScores(tx: Transaction, rematchId: string, which: NamedScores): Promise<void> {
    const sql = `select v.id from vulnerability v
       where v.id <= $4 and exists (select from package_match m where m.vulnerability_id = v.id and m.engine = $5)
         and lower(v.native_id collate "C") in (select lower(n collate "C") from unnest($6::text[]) n)`
    const names = textArray(which.names.map((name) => storedText(name)))
    await this.cut(tx, rematchId, 'scores', sql, which.size, [which.upTo, engineCode(which.engine), names])
  }

  /** Takes the next chunk that nobody holds; null when there is none. One whose last holder was lost as well is given up. */
  async take(tx: Transaction, worker: { id: string; leaseMs: number; comparesDatabases: boolean }): Promise<TakenChunk | null> {
    for (;;) {
      const row = await oneRow<ChunkRow>(
        tx,
        `select c.* from rematch_chunk c join rematch r on r.id = c.rematch_id
          where r.state = 'preparing' and not r.is_paused and c.state = 'open' and (c.lease_until is null or c.lease_until < clock_timestamp())
            and (c.kind <> 'difference' or $1)
          order by c.rematch_id, c.number limit 1 for update of c skip locked`,
        [worker.comparesDatabases],
      )
      if (row === null) return null
      if (row.attempts >= attemptLimit) {
        await this.giveUp(tx, row.rematch_id, row.number, 'Its workers were lost.')
        continue
      }
      const { token, hash } = issueToken()
      await tx.query(
        `update rematch_chunk set attempts = attempts + 1, token_hash = $3, worker_id = $4, lease_until = clock_timestamp() + $5 * interval '1 ms', touched_at = clock_timestamp()
          where rematch_id = $1 and number = $2`,
        [row.rematch_id, row.number, hash, worker.id, worker.leaseMs],
      )
      return { rematchId: row.rematch_id, number: row.number, kind: row.kind, ids: row.ids.map(Number), token }
    }
  }

  /** Locks a chunk; null when there is none of this number. */
  async lock(tx: Transaction, rematchId: string, number: number, token: string): Promise<LockedChunk | null> {
    const row = await oneRow<ChunkRow>(tx, 'select * from rematch_chunk where rematch_id = $1 and number = $2 for update', [
      rematchId,
      number,
    ])
    return row && { kind: row.kind, state: row.state, ids: row.ids.map(Number), isOwn: isTokenOf(token, row.token_hash) }
  }

  /** Renews a lease. Returns whether the chunk is still the holder's. */
  async renew(tx: Transaction, chunk: { rematchId: string; number: number; token: string }, leaseMs: number): Promise<boolean> {
    const renewed = await affected(
      tx,
      `update rematch_chunk set lease_until = clock_timestamp() + $4 * interval '1 ms', touched_at = clock_timestamp()
        where rematch_id = $1 and number = $2 and token_hash = $3 and state = 'open'`,
      [chunk.rematchId, chunk.number, hashToken(chunk.token), leaseMs],
    )
    return renewed > 0
  }

  async finish(tx: Transaction, rematchId: string, number: number, described: number): Promise<void> {
    await tx.query(
      `update rematch_chunk set state = 'done', lease_until = null, described = $3, touched_at = clock_timestamp() where rematch_id = $1 and number = $2`,
      [rematchId, number, described],
    )
  }

  /** Lets the chunk be taken again at once; `isCounted` is false where its holder had no fault. After the last attempt it is given up. */
  async release(tx: Transaction, rematchId: string, number: number, outcome: { reason: string; isCounted: boolean }): Promise<void> {
    const row = await oneRow<{ attempts: number }>(
      tx,
      `update rematch_chunk set attempts = attempts - $3, lease_until = null, token_hash = null, problem = $4, touched_at = clock_timestamp()
        where rematch_id = $1 and number = $2 and state = 'open' returning attempts`,
      [rematchId, number, outcome.isCounted ? 0 : 1, outcome.reason],
    )
    if (row !== null && row.attempts >= attemptLimit) await this.giveUp(tx, rematchId, number, outcome.reason)
  }

  /** Gives up what no worker has taken for so long: a database must not wait for ever for an engine that nobody has. */
  async giveUpUntouched(tx: Transaction, rematchId: string, patienceMs: number): Promise<void> {
    const found = await rows<{ number: number }>(
      tx,
      `select number from rematch_chunk where rematch_id = $1 and state = 'open' and (lease_until is null or lease_until < clock_timestamp())
          and not exists (select from rematch_chunk t where t.rematch_id = $1 and t.touched_at > clock_timestamp() - $2 * interval '1 ms')
        order by number for update`,
      [rematchId, patienceMs],
    )
    for (const { number } of found) await this.giveUp(tx, rematchId, number, 'No worker with the scan engine has taken it.')
  }

  /** Its packages count as failed: their images are scanned again. Without a difference every package is matched, see RematchPlanner. */
  private async giveUp(tx: Transaction, rematchId: string, number: number, reason: string): Promise<void> {
    const row = await oneRow<ChunkRow>(
      tx,
      `update rematch_chunk set state = 'failed', lease_until = null, token_hash = null, problem = $3, touched_at = clock_timestamp() where rematch_id = $1 and number = $2 returning *`,
      [rematchId, number, reason],
    )
    await tx.query('update rematch set problem = $2 where id = $1', [rematchId, `Chunk ${number} was given up: ${reason}`])
    if (row?.kind !== 'packages') return
    await tx.query(
      `insert into rematch_unit (rematch_id, package_id, state, open_hash) select $1, i, 3, 0 from unnest($2::int8[]) i on conflict (rematch_id, package_id) do update set state = 3`,
      [rematchId, row.ids],
    )
  }

  private async cut(tx: Transaction, rematchId: string, kind: string, sql: string, size: number, parameters: readonly unknown[]) {
    await tx.query(
      `insert into rematch_chunk (rematch_id, number, kind, ids)
       select $1::uuid, coalesce((select max(number) from rematch_chunk where rematch_id = $1::uuid), 0) + row_number() over (order by piece), $2, ids
         from (select (n - 1) / $3::int as piece, array_agg(id order by id) as ids from (select id, row_number() over (order by id) as n from (${sql}) w) x group by 1) p`,
      [rematchId, kind, size, ...parameters],
    )
  }
}
