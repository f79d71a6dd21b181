import { Injectable } from '@nestjs/common'
import type { VisibleRepositories } from '../access/repository-scope.js'
import type { KeysetValue } from '../database/keyset.js'
import { affected, oneRow, rows } from '../database/sql.js'
import { Database, type Transaction } from '../database/transaction.js'
import { plainArray } from '../ingest/array-parameter.js'
import { idRange } from '../findings/finding-identity.js'
import { visible } from '../inventory/visibility.js'
import type { EngineResultRow } from './image-store.js'

/** An image in a list. Names are as stored, see stored-text.ts. */
export interface ImageRow {
  id: string
  digest: string
  platform: string
  distro: string | null
  size_bytes: string
  package_count: number
  created_at: Date | null
  first_seen_at: Date
  last_scanned_at: Date
  deleted_from_registry_at: Date | null
  max_risk: number
  references: string[]
}

/** All that is known of an image itself. */
export interface ImageDetailRow extends ImageRow {
  media_type: string
  config_digest: string | null
  layers: { digest: string; sizeBytes: number }[]
  diff_ids: string[]
  labels: Record<string, string>
  annotations: Record<string, string>
  history: { createdBy: string | null; createdAt: string | null; isEmptyLayer: boolean }[]
  cataloguer: { cataloguer: string; version: string; configuration: string; unreadable: { path: string; reason: string }[] } | null
  index_digests: string[]
}

/** What an engine last said, with the counts of its open findings. */
export interface EngineSummaryRow extends EngineResultRow {
  image_id: string
  critical: number | null
  high: number | null
  medium: number | null
  low: number | null
  negligible: number | null
  unknown: number | null
  fixable: number | null
  kev: number | null
  max_risk: number | null
}

export type ImageSort = '-lastScanned' | '-risk' | 'digest'

/** What a list of images is asked for. */
export interface ImageListQuery {
  readonly scope: VisibleRepositories
  /** LIKE patterns over names; null for all. */
  readonly search: readonly string[] | null
  readonly severities: readonly EngineSeverityColumn[] | null
  readonly sort: ImageSort
  readonly after: readonly KeysetValue[] | null
  readonly limit: number
}

export type EngineSeverityColumn = 'critical' | 'high' | 'medium' | 'low' | 'negligible' | 'unknown'

const orders: Readonly<Record<ImageSort, { order: string; after: string }>> = {
  '-lastScanned': { order: 'i.last_scanned_at desc, i.id desc', after: '(i.last_scanned_at, i.id) < ($3::timestamptz, $4::int8)' },
  '-risk': { order: 'i.max_risk desc, i.id desc', after: '(i.max_risk, i.id) < ($3::real, $4::int8)' },
  digest: { order: 'i.digest', after: 'i.digest > $3::text and $4::text is null' },
}

/** References that lead to the image now, of those in the scope. */
const currentReferences = `coalesce((select json_agg(x.name) from (
  select distinct case r.tag when '' then r.repository || '@' || i.digest else r.repository || ':' || r.tag end as name
    from image_reference r where r.image_id = i.id and r.until is null and ($1::text[] is null or r.repository like any ($1::text[])) order by 1 limit 20) x), '[]')`

const searchCondition = `($2::text[] is null or i.digest like any ($2::text[]) or exists (select from image_reference s where s.image_id = i.id
  and ($1::text[] is null or s.repository like any ($1::text[]))
  and (s.repository like any ($2::text[]) or s.until is null and s.repository || ':' || s.tag like any ($2::text[]))))`

/** Reads and removes images. */
@Injectable()
export class ImagesRepository {
  constructor(private readonly database: Database) {}

  async list(query: ImageListQuery): Promise<ImageRow[]> {
    const { order, after } = orders[query.sort]
    const severity = query.severities?.map((column) => `m.${column} > 0`).join(' or ')
    const [first = null, second = null] = query.after ?? []
    return rows<ImageRow>(
      this.database.runner,
      `select i.id, i.digest, i.platform, i.distro, i.size_bytes, i.package_count, i.created_at, i.first_seen_at, i.last_scanned_at, i.deleted_from_registry_at, i.max_risk,
              ${currentReferences} as "references"
         from image i
        where ${visible('i.id', 1)} and ${searchCondition}
          and ${severity === undefined ? 'true' : `exists (select from image_summary m where m.image_id = i.id and (${severity}))`}
          and ${query.after === null ? '$3::text is null and $4::text is null' : after}
        order by ${order} limit $5`,
      [query.scope, query.search, first, second, query.limit],
    )
  }

  async detail(imageId: number, scope: VisibleRepositories): Promise<ImageDetailRow | null> {
    return oneRow<ImageDetailRow>(
      this.database.runner,
      `select i.*, ${currentReferences} as "references",
              coalesce((select json_agg(distinct x.index_digest) from image_index x where x.manifest_digest = i.digest), '[]') as index_digests
         from image i where i.id = $2`,
      [scope, imageId],
    )
  }

  /** Summaries of the engines by image id. */
  async summaries(imageIds: readonly string[]): Promise<Map<string, EngineSummaryRow[]>> {
    const found = await rows<EngineSummaryRow>(
      this.database.runner,
      `select r.*, s.critical, s.high, s.medium, s.low, s.negligible, s.unknown, s.fixable, s.kev, s.max_risk,
              s.critical + s.high + s.medium + s.low + s.negligible + s.unknown as finding_count
         from image_engine_result r left join image_summary s on s.image_id = r.image_id and s.engine = r.engine
        where r.image_id = any ($1::int8[]) order by r.image_id, r.engine`,
      [plainArray(imageIds)],
    )
    const byImage = new Map<string, EngineSummaryRow[]>()
    for (const row of found) byImage.set(row.image_id, [...(byImage.get(row.image_id) ?? []), row])
    return byImage
  }

  /** Removes an image and all that is known of it, but for its catalogues. Facts that other images may share stay. */
  async remove(tx: Transaction, image: { id: number; digest: string }): Promise<boolean> {
    await tx.query('select from image where id = $1 for update', [image.id])
    await tx.query('delete from finding where id between $1 and $2 and image_id = $3', [...idRange(image.digest), image.id])
    for (const table of [
      'image_package',
      'finding_event',
      'finding_decision',
      'finding_decision_event',
      'vex_match',
      'image_package_event',
      'secret_finding',
      'misconfiguration_finding',
      'image_engine_result',
      'image_summary',
    ]) {
      await tx.query(`delete from ${table} where image_id = $1`, [image.id])
    }
    await tx.query('delete from image_index where manifest_digest = $1', [image.digest])
    await tx.query('delete from image_context where digest = $1', [image.digest])
    return (await affected(tx, 'delete from image where id = $1', [image.id])) > 0
  }

  /** Marks images that their registry no longer has; returns those that were not marked yet. */
  async markDeleted(tx: Transaction, digests: readonly string[]): Promise<string[]> {
    const marked = await rows<{ digest: string }>(
      tx,
      `update image set deleted_from_registry_at = date_trunc('milliseconds', now())
        where deleted_from_registry_at is null and (digest = any ($1::text[]) or digest in (select manifest_digest from image_index where index_digest = any ($1::text[])))
        returning digest`,
      [digests],
    )
    return marked.map(({ digest }) => digest)
  }
}
