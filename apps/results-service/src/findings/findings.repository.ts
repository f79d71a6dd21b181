import { Injectable } from '@nestjs/common'
import type { AvailableFix, ListFindingsQuery, ReportMatch } from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import type { KeysetValue } from '../database/keyset.js'
import { rows } from '../database/sql.js'
import { Database } from '../database/transaction.js'
import type { LocatedImage } from '../images/image-locator.js'
import { plainArray } from '../ingest/array-parameter.js'
import type { OccurrenceDetail } from '../packages/image-package-store.js'
import { packageRefColumns, type PackageRefRow } from '../packages/package-view.js'
import { countLimit, type WalkPosition } from '../query/walkable-page.js'
import { vulnerabilityColumns, vulnerabilityJoins, type VulnerabilityRow } from '../vulnerabilities/vulnerability-view.js'
import { otherReports } from './finding-merge.js'
import type { FindingSelection } from './finding-selection.js'
import { type ChosenFinding, chooseFindings } from './finding-walk.js'
import type { IssueTable } from './issue-store.js'

/** What one engine reports, of a finding that several may report. */
export interface ReporterRow {
  id: string
  engine: number
  severity: number
  fix_state: number
  is_suppressed: boolean
  last_seen_at: string | Date | null
  native_id: string
  namespace: string
  severity_given: string
  risk: number
  match_body: MatchBody
}

interface MatchBody {
  fixVersions: string[]
  fixAvailable: AvailableFix[]
  details: ReportMatch['details']
}

/** A finding with all that is joined to it. */
export interface FindingRow extends VulnerabilityRow, PackageRefRow, ReporterRow {
  image_id: string
  is_open: boolean
  first_seen_at: Date
  last_seen_at: Date | null
  occurrence_detail: OccurrenceDetail | null
  others: OtherAdvisoryRow[] | null
  reporters: ReporterRow[] | null
  decision_status: string | null
  decided_by: string | null
  decided_at: Date | null
}

/** Another advisory of a finding's alias group that matches its package. */
export interface OtherAdvisoryRow {
  native_id: string
  namespace: string
  severity_given: string
  fix_state: number
  match_body: { fixVersions: string[] }
}

/** The image of a finding, as a list of findings shows it. */
export interface FindingImageRow {
  id: string
  digest: string
  platform: string
  diff_ids: string[]
  /** Layers of the image's base; 0 without one, null when they are not known. */
  base_layer_count: number | null
  references: string[]
  workload_count: number
  results: EngineResult[] | null
}

/** What an engine last said of an image. */
export interface EngineResult {
  engine: number
  status: string
  engine_version: string | null
  database: { schemaVersion: string; builtAt: string | null; checksum: string | null } | null
  scanned_at: string
  has_good_result: boolean
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

const reporterColumns = (finding: string, vulnerability: string, match: string) =>
  `json_build_object('id', ${finding}.id, 'engine', ${finding}.engine, 'severity', ${finding}.severity, 'fix_state', ${finding}.fix_state, 'is_suppressed', ${finding}.is_suppressed,
     'last_seen_at', ${finding}.last_seen_at, 'native_id', ${vulnerability}.native_id, 'namespace', ${vulnerability}.namespace, 'severity_given', ${vulnerability}.severity_given,
     'risk', (select coalesce(max(ms.risk), 0) from vulnerability_score ms where ms.vulnerability_id = ${finding}.vulnerability_id), 'match_body', ${match}.body)`

/** Reads findings: first which ones, in an order that an index has, then all that is shown of these. */
@Injectable()
export class FindingsRepository {
  constructor(private readonly database: Database) {}

  async choose(
    selection: FindingSelection,
    sort: ListFindingsQuery['sort'],
    position: WalkPosition | null,
    limit: number,
  ): Promise<ChosenFinding[]> {
    const statement = chooseFindings(selection, sort, position, limit)
    return rows<ChosenFinding>(this.database.runner, ...selection.parameters.bind(statement))
  }

  /** Counts up to one more than the limit of counts. */
  async count(selection: FindingSelection): Promise<number> {
    const [row] = await rows<{ count: string }>(
      this.database.runner,
      ...selection.parameters.bind(`select count(*) from (select from ${selection.selected} limit ${countLimit + 1}) x`),
    )
    return Number(row?.count ?? 0)
  }

  /** In no order. */
  async details(ids: readonly string[]): Promise<FindingRow[]> {
    return rows<FindingRow>(
      this.database.runner,
      `select f.id, f.image_id, f.engine, f.severity, coalesce(s.risk, 0) as risk, f.fix_state, f.is_open, f.is_suppressed, f.first_seen_at, f.last_seen_at,
              m.body as match_body, o.detail as occurrence_detail, d.status as decision_status, d.decided_by, d.decided_at,
              (select json_agg(json_build_object('native_id', v2.native_id, 'namespace', v2.namespace, 'severity_given', v2.severity_given, 'fix_state', m2.fix_state, 'match_body', m2.body) order by v2.id)
                 from package_match m2 join vulnerability v2 on v2.id = m2.vulnerability_id
                where m2.package_id = f.package_id and m2.engine = f.engine and m2.is_open and m2.vulnerability_id <> f.vulnerability_id and v2.group_id = v.group_id) as others,
              (select json_agg(${reporterColumns('x', 'xv', 'xm')} order by x.engine, x.id)
                 from (select mf.* from ${otherReports('f', 'mf')}) x join vulnerability xv on xv.id = x.vulnerability_id join package_match xm on xm.id = x.match_id) as reporters,
              ${packageRefColumns}, ${vulnerabilityColumns}
         from finding f join vulnerability v on v.id = f.vulnerability_id ${vulnerabilityJoins} join package p on p.id = f.package_id
         join package_match m on m.id = f.match_id left join image_package o on o.image_id = f.image_id and o.occurrence = f.occurrence
         left join finding_decision d on d.finding_id = f.id
        where f.id = any ($1::uuid[])`,
      [plainArray(ids)],
    )
  }

  async images(ids: readonly string[], scope: VisibleRepositories): Promise<Map<string, FindingImageRow>> {
    const found = await rows<FindingImageRow>(
      this.database.runner,
      `select i.id, i.digest, i.platform, i.diff_ids, nullif(coalesce((select coalesce(b.layer_count, -1) from image_base b where b.image_id = i.id), 0), -1) as base_layer_count,
              coalesce((select json_agg(x.name) from (
                select distinct case r.tag when '' then r.repository || '@' || i.digest else r.repository || ':' || r.tag end as name
                  from image_reference r where r.image_id = i.id and r.until is null and ($1::text[] is null or r.repository like any ($1::text[])) order by 1 limit 20) x), '[]') as "references",
              (select count(*)::int from workload w where w.image_id = i.id and w.until is null and ($1::text[] is null or w.repository like any ($1::text[]))) as workload_count,
              (select json_agg(json_build_object('engine', r.engine, 'status', r.status, 'engine_version', r.engine_version, 'database', r.database, 'scanned_at', r.scanned_at, 'has_good_result', r.has_good_result) order by r.engine)
                 from image_engine_result r where r.image_id = i.id) as results
         from image i where i.id = any ($2::int8[])`,
      [scope, plainArray(ids)],
    )
    return new Map(found.map((row) => [row.id, row]))
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
