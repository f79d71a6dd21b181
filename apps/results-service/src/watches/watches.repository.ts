import { Injectable } from '@nestjs/common'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { affected, oneRow, rows, type SqlRunner } from '../database/sql.js'
import { Database, type Transaction } from '../database/transaction.js'

/** A watched repository as it is stored, with its schedule. */
export interface WatchRow {
  readonly id: string
  readonly repository: string
  readonly tags: string[]
  readonly platforms: string[]
  readonly every: string
  readonly maxTags: number
  readonly createdAt: Date
  readonly createdBy: string
  readonly lastProblem: string | null
  readonly lastRunAt: Date | null
  readonly nextRunAt: Date | null
  readonly knownTags: number
}

/** What a new watch is made of. */
export interface NewWatch {
  readonly id: string
  readonly repository: string
  readonly tags: readonly string[]
  readonly platforms: readonly string[]
  readonly every: string
  readonly everyMs: number
  readonly maxTags: number
  readonly createdBy: string
  readonly tokenHash: Buffer
}

/** A tag and what it leads to. */
export interface TagDigest {
  readonly tag: string
  readonly digest: string
}

const selection = `select w.id, w.repository, w.tags, w.platforms, w.every, w.max_tags as "maxTags", w.created_at as "createdAt", w.created_by as "createdBy", w.last_problem as "lastProblem",
    s.last_run_at as "lastRunAt", s.next_run_at as "nextRunAt", (select count(*)::int from watch_tag t where t.watch_id = w.id and t.missing_at is null) as "knownTags"
  from watch w left join schedule s on s.watch_id = w.id`

@Injectable()
export class WatchesRepository {
  constructor(private readonly database: Database) {}

  list(visible: VisibleRepositories, after: string, limit: number): Promise<WatchRow[]> {
    return rows(
      this.database.runner,
      `${selection} where ($1::text[] is null or w.repository like any ($1)) and w.id > $2 order by w.id limit $3`,
      [visible, after, limit],
    )
  }

  find(runner: SqlRunner, id: string): Promise<WatchRow | null> {
    return oneRow(runner, `${selection} where w.id = $1`, [id])
  }

  async insert(tx: Transaction, watch: NewWatch): Promise<void> {
    await tx.query(
      'insert into watch (id, repository, tags, platforms, every, max_tags, created_by, notification_token_hash) values ($1, $2, $3, $4, $5, $6, $7, $8)',
      [watch.id, watch.repository, watch.tags, watch.platforms, watch.every, watch.maxTags, watch.createdBy, watch.tokenHash],
    )
    await tx.query(`insert into schedule (id, kind, watch_id, every_ms) values ($1, 'watch', $2, $3)`, [
      `watch-${watch.id}`,
      watch.id,
      watch.everyMs,
    ])
  }

  remove(tx: Transaction, id: string): Promise<number> {
    return affected(tx, 'delete from watch where id = $1', [id])
  }

  async tokenHash(id: string): Promise<Buffer | null> {
    return (
      (await oneRow<{ hash: Buffer }>(this.database.runner, 'select notification_token_hash as hash from watch where id = $1', [id]))
        ?.hash ?? null
    )
  }

  /** Has the tags resolved at once. */
  async runNow(id: string): Promise<void> {
    await this.database.runner.query('update schedule set next_run_at = now() where watch_id = $1', [id])
  }

  async setProblem(tx: Transaction, id: string, problem: string | null): Promise<void> {
    await tx.query('update watch set last_problem = $2 where id = $1', [id, problem])
  }

  /** Notes what tags lead to, and returns those that are new or lead elsewhere than before. */
  async observe(tx: Transaction, watchId: string, observed: readonly TagDigest[]): Promise<TagDigest[]> {
    return rows(
      tx,
      `with seen as (select distinct on (tag) tag, digest from unnest($2::text[], $3::text[]) as o(tag, digest) order by tag),
            former as (select t.tag, t.digest from watch_tag t join seen using (tag) where t.watch_id = $1),
            written as (
              insert into watch_tag as t (watch_id, tag, digest) select $1, tag, digest from seen
              on conflict (watch_id, tag) do update set digest = excluded.digest, last_seen_at = now(), missing_at = null
            )
       select s.tag, s.digest from seen s left join former f using (tag) where f.digest is distinct from s.digest order by s.tag`,
      [watchId, observed.map((entry) => entry.tag), observed.map((entry) => entry.digest)],
    )
  }

  /** Marks tags that the registry no longer has; returns the digests that no tag of any watch of this repository leads to any more. */
  async markMissing(tx: Transaction, watchId: string, tags: readonly string[]): Promise<string[]> {
    const marked = await rows<{ digest: string }>(
      tx,
      'update watch_tag set missing_at = now() where watch_id = $1 and tag = any ($2) and missing_at is null returning digest',
      [watchId, tags],
    )
    const found = await rows<{ digest: string }>(
      tx,
      `select distinct d.digest from unnest($2::text[]) as d(digest)
        where not exists (
          select 1 from watch_tag t join watch w on w.id = t.watch_id
           where t.digest = d.digest and t.missing_at is null and w.repository = (select repository from watch where id = $1)
        ) order by d.digest`,
      [watchId, marked.map((row) => row.digest)],
    )
    return found.map((row) => row.digest)
  }
}
