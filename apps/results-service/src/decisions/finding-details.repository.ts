import { Injectable } from '@nestjs/common'
import type { AvailableFix, DecisionStatus, Justification, OriginalDecision, ReportMatch } from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { oneRow, rows } from '../database/sql.js'
import { Database } from '../database/transaction.js'
import { visible } from '../inventory/visibility.js'
import type { OccurrenceDetail } from '../packages/image-package-store.js'
import { packageRefColumns, type PackageRefRow } from '../packages/package-view.js'
import { vulnerabilityColumns, vulnerabilityJoins, type VulnerabilityRow } from '../vulnerabilities/vulnerability-view.js'
import { decisionColumns, type DecisionEventRow, type DecisionRow } from './decision-facts.js'

/** A finding with all that is joined to it. */
export interface FindingDetailRow extends VulnerabilityRow, PackageRefRow {
  id: string
  engine: number
  severity: number
  fix_state: number
  risk: number
  is_open: boolean
  is_suppressed: boolean
  first_seen_at: Date
  last_seen_at: Date | null
  scanned_at: Date | null
  match_body: { fixVersions: string[]; fixAvailable: AvailableFix[]; details: ReportMatch['details'] }
  occurrence_detail: OccurrenceDetail | null
  digest: string
  references: string[]
}

/** What a VEX document says of a finding. */
export interface StatementRow {
  document_id: string
  author: string | null
  status: DecisionStatus
  justification: Justification | null
  impact_statement: string | null
  comment: string | null
  original: OriginalDecision
  at: Date
  is_trusted: boolean
}

const shown = 100

/** Reads one finding with what was decided about it. */
@Injectable()
export class FindingDetailsRepository {
  constructor(private readonly database: Database) {}

  /** null when there is no such finding in an image that the caller may see. */
  async finding(findingId: string, scope: VisibleRepositories): Promise<FindingDetailRow | null> {
    return oneRow<FindingDetailRow>(
      this.database.runner,
      `select f.id, f.engine, f.severity, f.fix_state, coalesce(s.risk, 0) as risk, f.is_open, f.is_suppressed, f.first_seen_at, f.last_seen_at, r.scanned_at,
              m.body as match_body, o.detail as occurrence_detail, i.digest,
              array(select distinct case x.tag when '' then x.repository || '@' || i.digest else x.repository || ':' || x.tag end
                from image_reference x where x.image_id = i.id and x.until is null and ($2::text[] is null or x.repository like any ($2::text[])) order by 1 limit 20) as "references",
              ${packageRefColumns}, ${vulnerabilityColumns}
         from finding f join image i on i.id = f.image_id join vulnerability v on v.id = f.vulnerability_id ${vulnerabilityJoins} join package p on p.id = f.package_id
         join package_match m on m.id = f.match_id left join image_package o on o.image_id = f.image_id and o.occurrence = f.occurrence
         left join image_engine_result r on r.image_id = f.image_id and r.engine = f.engine
        where f.id = $1 and ${visible('f.image_id', 2)}`,
      [findingId, scope],
    )
  }

  async decision(findingId: string): Promise<DecisionRow | null> {
    return oneRow(this.database.runner, `select ${decisionColumns('d')} from finding_decision d where d.finding_id = $1`, [findingId])
  }

  /** Changes of its decision, newest first. */
  async history(findingId: string): Promise<DecisionEventRow[]> {
    return rows(
      this.database.runner,
      `select e.kind, ${decisionColumns('e')} from finding_decision_event e where e.finding_id = $1 order by e.version desc limit ${shown}`,
      [findingId],
    )
  }

  /** What VEX documents say of it, newest first. */
  async statements(findingId: string): Promise<StatementRow[]> {
    return rows(
      this.database.runner,
      `select s.document_id, d.author, s.status, s.justification, s.impact_statement, s.comment, s.original, s.at, m.is_trusted
         from vex_match m join vex_statement s on s.id = m.statement_id join vex_document d on d.id = s.document_id
        where m.finding_id = $1 and d.state <> 'removing' order by s.at desc, d.uploaded_at desc, s.position desc limit ${shown}`,
      [findingId],
    )
  }
}
