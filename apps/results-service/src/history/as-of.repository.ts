import { Injectable } from '@nestjs/common'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { rows } from '../database/sql.js'
import { Database } from '../database/transaction.js'
import { idRange } from '../findings/finding-identity.js'
import type { LocatedImage } from '../images/image-locator.js'
import { plainArray } from '../ingest/array-parameter.js'
import { visible } from '../inventory/visibility.js'
import { standingAt } from './standing-query.js'

/** A finding as it was known at a moment, in the codes of its columns. Names are as stored. */
export interface AsOfRow {
  id: string
  is_open: boolean
  engine: number
  severity: number
  fix_state: number
  is_kev: boolean
  decision: string | null
  first_seen_at: Date
  canonical_id: string
  aliases: string[]
  type: string
  name: string
  version: string
  purl: string | null
  language: string | null
  distro: string | null
  image_id: string
  digest: string
  platform: string
}

/** What is looked at: rows in the order of their ids. */
export interface AsOfSelection {
  readonly at: Date
  /** null: the fleet. */
  readonly image: LocatedImage | null
  readonly scope: VisibleRepositories
  /** Hashes of ids or aliases of vulnerabilities; null for all. */
  readonly aliasHashes: readonly string[] | null
  readonly afterId: string | null
  /** So many findings are looked at, open then or not. */
  readonly limit: number
}

/** References of an image at a moment, and the containers that ran it. */
export interface AsOfImageRow {
  image_id: string
  references: string[]
  workloads: number
}

/** Reads findings as of a past moment. */
@Injectable()
export class AsOfRepository {
  constructor(private readonly database: Database) {}

  /** Findings that had been seen by then, in the order of ids. */
  list(selection: AsOfSelection): Promise<AsOfRow[]> {
    const then = standingAt('$1', 'candidates', '_then')
    const [first, last] = selection.image === null ? [null, null] : idRange(selection.image.digest)
    return rows<AsOfRow>(
      this.database.runner,
      `with candidates as materialized (
         select f.* from finding f
          where ($2::uuid is null or f.id between $2 and $3 and f.image_id = $4) and ($5::uuid is null or f.id > $5) and f.first_seen_at <= $1::timestamptz
            and ${
              selection.aliasHashes === null
                ? '$6::uuid[] is null'
                : `f.vulnerability_id in (select x.id from vulnerability x join vulnerability_alias a on a.group_id = x.group_id where a.alias_hash = any ($6::uuid[]))`
            }
            and ${visible('f.image_id', 7)}
          order by f.id limit $8),
       ${then.ctes}
       select f.id, ${then.isOpen} as is_open, f.engine, ${then.severity} as severity, ${then.fixState} as fix_state, ${then.isKev} as is_kev, ${then.decision} as decision,
              f.first_seen_at, g.canonical_id, array(select a.alias from vulnerability_alias a where a.group_id = g.id) as aliases,
              p.type, p.name, p.version, p.purl, p.language, p.distro, i.id as image_id, i.digest, i.platform
         from candidates f ${then.joins} join image i on i.id = f.image_id
         join vulnerability v on v.id = f.vulnerability_id join vulnerability_group g on g.id = v.group_id join package p on p.id = ${then.packageId}
        order by f.id`,
      [
        selection.at,
        first,
        last,
        selection.image?.id ?? null,
        selection.afterId,
        selection.aliasHashes === null ? null : plainArray(selection.aliasHashes),
        selection.scope,
        selection.limit,
      ],
    )
  }

  /** What led to images and ran them at a moment, as far as the scope shows it. */
  images(imageIds: readonly string[], at: Date, scope: VisibleRepositories): Promise<AsOfImageRow[]> {
    const held = (alias: string): string =>
      `${alias}.since <= $2::timestamptz and (${alias}.until is null or ${alias}.until > $2::timestamptz) and ($3::text[] is null or ${alias}.repository like any ($3::text[]))`
    return rows<AsOfImageRow>(
      this.database.runner,
      `select i.id as image_id,
              array(select distinct case r.tag when '' then r.repository || '@' || i.digest else r.repository || ':' || r.tag end
                      from image_reference r where r.image_id = i.id and ${held('r')} order by 1 limit 20) as "references",
              (select count(*)::int from workload w where w.image_id = i.id and ${held('w')}) as workloads
         from image i where i.id = any ($1::int8[])`,
      [plainArray(imageIds), at, scope],
    )
  }
}
