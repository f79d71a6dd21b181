import { Injectable } from '@nestjs/common'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { rows } from '../database/sql.js'
import { Database } from '../database/transaction.js'
import { idRange } from '../findings/finding-identity.js'
import type { LocatedImage } from '../images/image-locator.js'
import { plainArray } from '../ingest/array-parameter.js'
import { visible } from '../inventory/visibility.js'
import { SqlParameters } from '../query/sql-parameters.js'
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
  /** Whether a filter asks for other ids of the vulnerabilities. */
  readonly withAliases: boolean
  /** So many findings are looked at, open then or not. */
  readonly limit: number
}

/** References of an image at a moment, and the containers that ran it. */
export interface AsOfImageRow {
  image_id: string
  references: string[]
  workloads: number
}

/** Below every id. */
const firstId = '00000000-0000-0000-0000-000000000000'

/** Reads findings as of a past moment. */
@Injectable()
export class AsOfRepository {
  constructor(private readonly database: Database) {}

  /** Findings that had been seen by then, in the order of ids. */
  list(selection: AsOfSelection): Promise<AsOfRow[]> {
    const parameters = new SqlParameters()
    parameters.add(selection.scope, 'text[]')
    const at = parameters.add(selection.at, 'timestamptz')
    const then = standingAt(at, 'candidates', '_then')
    // Each condition stands alone or not at all: one that a null switches off would keep the index from being used.
    const conditions = [
      `f.first_seen_at <= ${at}`,
      `f.id > ${parameters.add(selection.afterId ?? firstId, 'uuid')}`,
      ...(selection.scope === null ? [] : [visible('f.image_id', 1)]),
      ...this.ofImage(parameters, selection.image),
      ...(selection.aliasHashes === null
        ? []
        : [
            `f.vulnerability_id in (select x.id from vulnerability x join vulnerability_alias a on a.group_id = x.group_id where a.alias_hash = any (${parameters.add(plainArray(selection.aliasHashes), 'uuid[]')}))`,
          ]),
    ]
    const aliases = selection.withAliases ? 'array(select a.alias from vulnerability_alias a where a.group_id = g.id)' : `'{}'::text[]`
    return rows<AsOfRow>(
      this.database.runner,
      ...parameters.bind(
        `with candidates as materialized (
           select f.* from finding f where ${conditions.join(' and ')} order by f.id limit ${parameters.add(selection.limit, 'int')}),
         ${then.ctes}
         select f.id, ${then.isOpen} as is_open, f.engine, ${then.severity} as severity, ${then.fixState} as fix_state, ${then.isKev} as is_kev, ${then.decision} as decision,
                f.first_seen_at, g.canonical_id, ${aliases} as aliases, p.type, p.name, p.version, p.purl, p.language, p.distro, i.id as image_id, i.digest, i.platform
           from candidates f ${then.joins} join image i on i.id = f.image_id
           join vulnerability v on v.id = f.vulnerability_id join vulnerability_group g on g.id = v.group_id join package p on p.id = ${then.packageId}
          order by f.id`,
      ),
    )
  }

  private ofImage(parameters: SqlParameters, image: LocatedImage | null): string[] {
    if (image === null) return []
    const [first, last] = idRange(image.digest)
    return [
      `f.id between ${parameters.add(first, 'uuid')} and ${parameters.add(last, 'uuid')}`,
      `f.image_id = ${parameters.add(image.id, 'int8')}`,
    ]
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
