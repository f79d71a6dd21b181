import { Injectable } from '@nestjs/common'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { oneRow, rows } from '../database/sql.js'
import { Database } from '../database/transaction.js'
import { idsOfImage } from '../findings/finding-identity.js'
import { visible } from '../inventory/visibility.js'

/** An image's base as far as it is known; texts are as stored. */
export interface ImageBaseRow {
  digest: string | null
  references: string[] | null
  base_reference: string | null
  base_digest: string | null
  layer_count: number | null
  source: 'annotation' | 'prefix'
}

/** Layers of an image as its manifest and its configuration tell them. */
export interface LayersRow {
  layers: { digest: string; sizeBytes: number }[]
  diff_ids: string[]
  history: { createdBy: string | null; createdAt: string | null; isEmptyLayer: boolean }[]
  layer_count: number | null
}

/** How many of something a layer brings. */
export interface LayerCountRow {
  /** Diff id; null where none is known. */
  layer: string | null
  /** Code of a severity; null counts packages. */
  severity: number | null
  count: number
}

/** An image that is built on another. */
export interface ImageChildRow {
  id: string
  digest: string
  references: string[]
  platform: string
  layer_count: number | null
  first_seen_at: Date
}

/** References that lead to image `i` now, of those in the scope. */
const referencesOf = (scope: number): string => `coalesce((select json_agg(x.name) from (
  select distinct case r.tag when '' then r.repository || '@' || i.digest else r.repository || ':' || r.tag end as name
    from image_reference r where r.image_id = i.id and r.until is null and ($${scope}::text[] is null or r.repository like any ($${scope}::text[])) order by 1 limit 20) x), '[]')`

/**
 * SQL expression: diff id of the layer of an occurrence's first place; null where none is known. PostgreSQL cannot take a JSON
 * apart that holds an escaped NUL or half a character, which paths in images do: such a one has no layer here.
 */
function layerOfOccurrence(detail: string): string {
  return String.raw`case when ${detail}::text !~* '\\u(0000|d[89a-f])' then ${detail} -> 'locations' -> 0 ->> 'layer' end`
}

/** Reads what images are built on. */
@Injectable()
export class BaseImagesRepository {
  constructor(private readonly database: Database) {}

  base(imageId: number, scope: VisibleRepositories): Promise<ImageBaseRow | null> {
    return oneRow<ImageBaseRow>(
      this.database.runner,
      `select i.digest, case when i.id is not null then ${referencesOf(2)} end as "references", b.base_reference, b.base_digest, b.layer_count, b.source
         from image_base b left join image i on i.id = b.base_image_id and ${visible('i.id', 2)}
        where b.image_id = $1`,
      [imageId, scope],
    )
  }

  layers(imageId: number): Promise<LayersRow | null> {
    return oneRow<LayersRow>(
      this.database.runner,
      'select i.layers, i.diff_ids, i.history, b.layer_count from image i left join image_base b on b.image_id = i.id where i.id = $1',
      [imageId],
    )
  }

  /** Packages and findings by layer; a finding that both engines report counts once, at its higher severity. */
  counts(image: { id: number; digest: string }): Promise<LayerCountRow[]> {
    return rows<LayerCountRow>(
      this.database.runner,
      `with placed as materialized (
         select o.occurrence, o.is_present, ${layerOfOccurrence('o.detail')} as layer from image_package o where o.image_id = $1
       ), found as (
         select o.layer, max(f.severity) as severity
           from finding f join placed o on o.occurrence = f.occurrence join vulnerability v on v.id = f.vulnerability_id join package p on p.id = f.package_id
          where f.image_id = $1 and ${idsOfImage('f.id', '$2::text')} and f.is_open and not f.is_suppressed
          group by o.layer, p.type, p.name, p.version, v.group_id
       )
       select layer, null::int as severity, count(*)::int as count from placed where is_present group by layer
       union all select layer, severity, count(*)::int from found group by layer, severity`,
      [image.id, image.digest],
    )
  }

  /** Images built on an image, before an id, the newest first. */
  children(imageId: number, scope: VisibleRepositories, before: string | null, limit: number): Promise<ImageChildRow[]> {
    return rows<ImageChildRow>(
      this.database.runner,
      `select i.id, i.digest, ${referencesOf(2)} as "references", i.platform, b.layer_count, i.first_seen_at
         from image_base b join image i on i.id = b.image_id
        where b.base_image_id = $1 and ${visible('i.id', 2)} and ($3::int8 is null or i.id < $3) order by i.id desc limit $4`,
      [imageId, scope, before, limit],
    )
  }
}
