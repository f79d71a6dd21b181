import { Injectable } from '@nestjs/common'
import { rows } from '../database/sql.js'
import { Database, type Transaction } from '../database/transaction.js'

/**
 * An image has had its time when nobody asked for it since a moment: no submit and no watched tag led to it (rescans are Pharos'
 * own wish), nothing runs or ran it, no stored image is built on it, and no scan of it is under way. A workload of a cluster
 * that has been silent since before that moment keeps nothing.
 */
const isUnused = `i.last_referenced_at < $1
  and not exists (select from workload w where w.image_id = i.id and w.until is null
        and exists (select from workload_source s where s.cluster = w.cluster and s.received_at >= $1))
  and not exists (select from workload w where w.image_id = i.id and w.until is not null and w.until >= $1)
  and not exists (select from watch_tag t where t.missing_at is null
        and (t.digest = i.digest or t.digest in (select x.index_digest from image_index x where x.manifest_digest = i.digest)))
  and not exists (select from image_base b where b.base_image_id = i.id)
  and not exists (select from scan_task k where k.digest = i.digest and k.ended_at is null)
  and not exists (select from scan_task k where k.known_digest = i.digest and k.ended_at is null)`

/**
 * A kept SBOM that no longer is the catalogue of an image: of a former cataloguer, or of an image that is not stored. What an image
 * says of its cataloguer holds paths, and PostgreSQL cannot take JSON apart that has an escaped NUL or half a character: such an
 * image keeps all its SBOMs.
 */
const isSuperseded = String.raw`c.created_at < $1 and not exists (
  select from image i where i.digest = c.digest and case
    when i.cataloguer is null or i.cataloguer::text ~* '\\u(0000|d[89a-f])' then true
    else (i.cataloguer ->> 'cataloguer', i.cataloguer ->> 'version', i.cataloguer ->> 'configuration') = (c.cataloguer, c.version, c.configuration) end)`

/** Finds images and SBOMs that have had their time. */
@Injectable()
export class ImageRetentionRepository {
  constructor(private readonly database: Database) {}

  /** The images that nobody asked for since a moment, those that were asked for longest ago first. */
  async unused(tx: Transaction, since: Date, limit: number): Promise<{ id: number; digest: string }[]> {
    const found = await rows<{ id: string; digest: string }>(
      tx,
      `select i.id, i.digest from image i where ${isUnused} order by i.last_referenced_at, i.id limit $2`,
      [since, limit],
    )
    return found.map(({ id, digest }) => ({ id: Number(id), digest }))
  }

  async countUnused(since: Date): Promise<number> {
    return this.count(`image i where ${isUnused}`, since)
  }

  /** Digests and ids of superseded SBOMs that are older than a moment. */
  superseded(tx: Transaction, before: Date, limit: number): Promise<{ id: string }[]> {
    return rows<{ id: string }>(
      tx,
      `select c.id from catalogue c where ${isSuperseded} order by c.created_at, c.id limit $2 for update skip locked`,
      [before, limit],
    )
  }

  async countSuperseded(before: Date): Promise<number> {
    return this.count(`catalogue c where ${isSuperseded}`, before)
  }

  private async count(source: string, moment: Date): Promise<number> {
    const [row] = await rows<{ count: number }>(this.database.runner, `select count(*)::int as count from ${source}`, [moment])
    return row?.count ?? 0
  }
}
