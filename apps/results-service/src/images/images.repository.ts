import { Injectable } from '@nestjs/common'
import type { ListImagesQuery } from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import type { KeysetType } from '../database/keyset.js'
import { oneRow, rows } from '../database/sql.js'
import { Database, type Transaction } from '../database/transaction.js'
import { plainArray } from '../ingest/array-parameter.js'
import { visible } from '../inventory/visibility.js'
import type { SqlCondition } from '../query/sql-condition.js'
import type { SqlParameters } from '../query/sql-parameters.js'
import { behind, countLimit, type OrderColumn, orderBy, type WalkPosition } from '../query/walkable-page.js'
import { type RemovedImage, removeImages } from './image-removal.js'
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
  cataloguer: { cataloguer: string; version: string; configuration: string; unreadable: { path: string; reason: string }[] } | null
  references: string[]
  workload_count: number
  /** Of a row in a list. */
  sort_key?: string | number
}

/** All that is known of an image itself. */
export interface ImageDetailRow extends ImageRow {
  media_type: string
  is_distro_end_of_life: boolean | null
  config_digest: string | null
  layers: { digest: string; sizeBytes: number }[]
  diff_ids: string[]
  labels: Record<string, string>
  annotations: Record<string, string>
  history: { createdBy: string | null; createdAt: string | null; isEmptyLayer: boolean }[]
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
  suppressed: number | null
  max_risk: number | null
}

/** What a list of images is asked for. The parameters of the conditions begin with the scope. */
export interface ImageListQuery {
  readonly parameters: SqlParameters
  /** Of a row of `image`. */
  readonly condition: SqlCondition
  /** null for all. */
  readonly search: ImageSearch | null
}

const orders = {
  lastScanned: { sql: 'i.last_scanned_at', type: 'timestamptz' },
  risk: { sql: 'i.max_risk', type: 'real' },
  digest: { sql: 'i.digest', type: 'text' },
} as const

/** The order of a list of images, the newest or highest first; `-digest` is the other direction of `digest`. */
function orderOf(sort: ListImagesQuery['sort']): { columns: OrderColumn[]; sortKey: string; isReversed: boolean } {
  const isDescending = sort.startsWith('-')
  const order = (isDescending ? sort.slice(1) : sort) as keyof typeof orders
  const { sql, type } = orders[order]
  const columns = [
    { sql, type, isDescending: true },
    { sql: 'i.id', type: 'int8', isDescending: true },
  ]
  // A moment goes as text: a Date would cut its microseconds.
  return { columns, sortKey: type === 'timestamptz' ? `${sql}::text` : sql, isReversed: !isDescending }
}

/** What a cursor of a list of images holds. */
export function imageCursorTypes(sort: ListImagesQuery['sort']): KeysetType[] {
  const [key] = orderOf(sort).columns
  return [key?.type === 'timestamptz' ? 'time' : key?.type === 'real' ? 'number' : 'text', 'int']
}

/** References that lead to the image now, of those in the scope. */
const currentReferences = `coalesce((select json_agg(x.name) from (
  select distinct case r.tag when '' then r.repository || '@' || i.digest else r.repository || ':' || r.tag end as name
    from image_reference r where r.image_id = i.id and r.until is null and ($1::text[] is null or r.repository like any ($1::text[])) order by 1 limit 20) x), '[]')`

/** Containers that run the image now, of the workloads in the scope. */
const currentWorkloads = `(select count(*)::int from workload w where w.image_id = i.id and w.until is null and ($1::text[] is null or w.repository like any ($1::text[])))`

/** What is known of a name that images are searched by: the few images that have it, or its LIKE patterns when they are many. */
export type ImageSearch = { readonly ids: readonly string[] } | { readonly patterns: readonly string[] }

/** Images of a search that are looked up before the list is read; where there are more, each in the order of the list is asked. */
const fewImages = 2000

const isInScope = `($1::text[] is null or s.repository like any ($1::text[]))`

function searchCondition(search: ImageSearch, parameters: SqlParameters): string {
  if ('ids' in search) return `i.id = any (${parameters.add(plainArray(search.ids), 'int8[]')})`
  const patterns = parameters.add(search.patterns, 'text[]')
  return `(i.digest like any (${patterns}) or exists (select from image_reference s where s.image_id = i.id and ${isInScope}
    and (s.repository like any (${patterns}) or s.until is null and s.repository || ':' || s.tag like any (${patterns}))))`
}

function listCondition({ parameters, condition, search }: ImageListQuery): string {
  const found = search === null ? 'true' : searchCondition(search, parameters)
  return `${visible('i.id', 1)} and ${condition('i')} and ${found}`
}

/** Reads and removes images. */
@Injectable()
export class ImagesRepository {
  constructor(private readonly database: Database) {}

  /**
   * Looks up the images that a name leads to, which indexes of its parts do. A digest holds no other characters than these, and
   * has no such index.
   */
  async search(patterns: readonly string[], scope: VisibleRepositories): Promise<ImageSearch> {
    const named = [
      `select s.image_id from image_reference s where s.repository like any ($2) and ${isInScope}`,
      `select s.image_id from image_reference s where s.until is null and s.repository || ':' || s.tag like any ($2) and ${isInScope}`,
      ...(patterns.some((pattern) => /^[%sha0-9a-f:]*$/.test(pattern)) ? ['select d.id from image d where d.digest like any ($2)'] : []),
    ]
    const found = await rows<{ image_id: string }>(
      this.database.runner,
      `select distinct image_id from (${named.join(' union all ')}) x limit ${fewImages + 1}`,
      [scope, patterns],
    )
    return found.length > fewImages ? { patterns } : { ids: found.map((row) => row.image_id) }
  }

  /** In the order of the list, or against it when the position is backward. */
  async list(query: ImageListQuery, sort: ListImagesQuery['sort'], position: WalkPosition | null, limit: number): Promise<ImageRow[]> {
    const { columns, sortKey, isReversed } = orderOf(sort)
    const isAgainst = isReversed !== (position?.isBackward === true)
    const after = position === null ? 'true' : behind(columns, isAgainst, position.values, query.parameters)
    return rows<ImageRow>(
      this.database.runner,
      ...query.parameters.bind(
        `select i.id, i.digest, i.platform, i.distro, i.size_bytes, i.package_count, i.created_at, i.first_seen_at, i.last_scanned_at, i.deleted_from_registry_at, i.cataloguer,
                ${sortKey} as sort_key, ${currentReferences} as "references", ${currentWorkloads} as workload_count
           from image i where ${listCondition(query)} and ${after} order by ${orderBy(columns, isAgainst)} limit ${limit}`,
      ),
    )
  }

  /** Counts up to one more than the limit of counts. */
  async count(query: ImageListQuery): Promise<number> {
    const [row] = await rows<{ count: string }>(
      this.database.runner,
      ...query.parameters.bind(`select count(*) from (select from image i where ${listCondition(query)} limit ${countLimit + 1}) x`),
    )
    return Number(row?.count ?? 0)
  }

  async detail(imageId: number, scope: VisibleRepositories): Promise<ImageDetailRow | null> {
    return oneRow<ImageDetailRow>(
      this.database.runner,
      `select i.*, ${currentReferences} as "references", ${currentWorkloads} as workload_count,
              coalesce((select json_agg(distinct x.index_digest) from image_index x where x.manifest_digest = i.digest), '[]') as index_digests
         from image i where i.id = $2`,
      [scope, imageId],
    )
  }

  /** Summaries of the engines by image id. */
  async summaries(imageIds: readonly string[]): Promise<Map<string, EngineSummaryRow[]>> {
    const found = await rows<EngineSummaryRow>(
      this.database.runner,
      `select r.*, s.critical, s.high, s.medium, s.low, s.negligible, s.unknown, s.fixable, s.kev, s.suppressed, s.max_risk,
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
  async remove(tx: Transaction, image: { id: number }): Promise<RemovedImage | null> {
    return (await removeImages(tx, [image.id]))[0] ?? null
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
