import { Injectable } from '@nestjs/common'
import type { AvailableFix, ListFindingsQuery, ReportMatch } from '@pharos/contracts'
import type { KeysetValue } from '../database/keyset.js'
import { rows } from '../database/sql.js'
import { Database } from '../database/transaction.js'
import type { LocatedImage } from '../images/image-locator.js'
import type { OccurrenceDetail } from '../packages/image-package-store.js'
import { packageRefColumns, type PackageRefRow } from '../packages/package-view.js'
import { vulnerabilityColumns, vulnerabilityJoins, type VulnerabilityRow } from '../vulnerabilities/vulnerability-view.js'
import { idRange } from './finding-identity.js'
import type { IssueTable } from './issue-store.js'

export type FindingSort = ListFindingsQuery['sort']

/** Filters of a list of findings, in the codes of the columns; null is no filter. */
export interface FindingFilter {
  readonly engine: number | null
  readonly severities: readonly number[] | null
  readonly minRisk: number | null
  readonly isKev: boolean | null
  readonly fixStates: readonly number[] | null
  /** LIKE pattern. */
  readonly packageName: string | null
  readonly types: readonly string[] | null
  /** Hash of an id or alias. */
  readonly aliasHash: string | null
  readonly isOpen: boolean | null
}

/** A finding with all that is joined to it. */
export interface FindingRow extends VulnerabilityRow, PackageRefRow {
  id: string
  engine: number
  severity: number
  risk: number
  fix_state: number
  is_open: boolean
  first_seen_at: Date
  last_seen_at: Date | null
  scanned_at: Date | null
  sort_key: string | number
  match_body: { fixVersions: string[]; fixAvailable: AvailableFix[]; details: ReportMatch['details'] }
  occurrence_detail: OccurrenceDetail | null
  others: OtherAdvisoryRow[] | null
}

/** Another advisory of a finding's alias group that matches its package. */
export interface OtherAdvisoryRow {
  native_id: string
  namespace: string
  severity_given: string
  fix_state: number
  match_body: { fixVersions: string[] }
}

/** A secret or misconfiguration. */
export interface IssueRow {
  id: string
  engine: number
  severity: number
  is_open: boolean
  first_seen_at: Date
  last_seen_at: Date
  body: unknown
}

/** Names are cut in sort keys: they may be any length, and a cursor may not. Ties are broken by id. */
const sorts: Readonly<Record<FindingSort, { key: string; type: string; isDescending: boolean }>> = {
  '-risk': { key: 'coalesce(s.risk, 0)', type: 'real', isDescending: true },
  '-severity': { key: 'f.severity', type: 'int2', isDescending: true },
  '-epss': { key: 'coalesce(s.epss, -1)', type: 'float8', isDescending: true },
  package: { key: 'left(p.name, 100) collate "C"', type: 'text', isDescending: false },
  vulnerability: { key: 'left(g.canonical_id, 100) collate "C"', type: 'text', isDescending: false },
}

/** Reads findings of one image: its rows lie side by side in the primary key, and are sorted as they are read. */
@Injectable()
export class FindingsRepository {
  constructor(private readonly database: Database) {}

  async list(
    image: LocatedImage,
    filter: FindingFilter,
    sort: FindingSort,
    after: readonly KeysetValue[] | null,
    limit: number,
  ): Promise<FindingRow[]> {
    const { key, type, isDescending } = sorts[sort]
    const direction = isDescending ? 'desc' : 'asc'
    const [afterKey = null, afterId = null] = after ?? []
    return rows<FindingRow>(
      this.database.runner,
      `with chosen as (
         select f.id, ${key} as sort_key
           from finding f join vulnerability v on v.id = f.vulnerability_id ${vulnerabilityJoins} join package p on p.id = f.package_id
          where f.id between $1 and $2 and f.image_id = $3
            and ($4::int2 is null or f.engine = $4) and ($5::int2[] is null or f.severity = any ($5)) and ($6::real is null or coalesce(s.risk, 0) >= $6)
            and ($7::bool is null or f.is_kev = $7) and ($8::int2[] is null or f.fix_state = any ($8)) and ($9::text is null or p.name like $9)
            and ($10::text[] is null or p.type = any ($10)) and ($11::bool is null or f.is_open = $11)
            and ($12::uuid is null or v.group_id in (select a.group_id from vulnerability_alias a where a.alias_hash = $12))
            and ($14::uuid is null or (${key}, f.id) ${isDescending ? '<' : '>'} ($13::${type}, $14))
          order by ${key} ${direction}, f.id ${direction} limit $15)
       select f.id, f.engine, f.severity, coalesce(s.risk, 0) as risk, f.fix_state, f.is_open, f.first_seen_at, f.last_seen_at, r.scanned_at, c.sort_key, m.body as match_body,
              o.detail as occurrence_detail,
              (select json_agg(json_build_object('native_id', v2.native_id, 'namespace', v2.namespace, 'severity_given', v2.severity_given, 'fix_state', m2.fix_state, 'match_body', m2.body) order by v2.id)
                 from package_match m2 join vulnerability v2 on v2.id = m2.vulnerability_id
                where m2.package_id = f.package_id and m2.engine = f.engine and m2.is_open and m2.vulnerability_id <> f.vulnerability_id and v2.group_id = v.group_id) as others,
              ${packageRefColumns}, ${vulnerabilityColumns}
         from chosen c join finding f on f.id = c.id join vulnerability v on v.id = f.vulnerability_id ${vulnerabilityJoins} join package p on p.id = f.package_id
         join package_match m on m.id = f.match_id left join image_package o on o.image_id = f.image_id and o.occurrence = f.occurrence
         left join image_engine_result r on r.image_id = f.image_id and r.engine = f.engine
        order by c.sort_key ${direction}, f.id ${direction}`,
      [
        ...idRange(image.digest),
        image.id,
        filter.engine,
        filter.severities,
        filter.minRisk,
        filter.isKev,
        filter.fixStates,
        filter.packageName,
        filter.types,
        filter.isOpen,
        filter.aliasHash,
        afterKey,
        afterId,
        limit,
      ],
    )
  }

  async listIssues(table: IssueTable, image: LocatedImage, after: readonly KeysetValue[] | null, limit: number): Promise<IssueRow[]> {
    const [severity = null, id = null] = after ?? []
    return rows<IssueRow>(
      this.database.runner,
      `select id, engine, severity, is_open, first_seen_at, last_seen_at, body from ${table}
        where image_id = $1 and ($3::uuid is null or severity < $2::int2 or severity = $2::int2 and id > $3) order by severity desc, id limit $4`,
      [image.id, severity, id, limit],
    )
  }
}
