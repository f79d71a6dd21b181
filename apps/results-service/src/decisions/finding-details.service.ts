import { Injectable } from '@nestjs/common'
import { type FindingDetail, PharosError, type VexStatementView } from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { publicFindingId } from '../findings/finding-identity.js'
import { engineOf, fixStateOf, severityOf } from '../inventory/column-codes.js'
import { originalText } from '../inventory/stored-text.js'
import { packageRefOf } from '../packages/package-view.js'
import { vulnerabilityOf } from '../vulnerabilities/vulnerability-view.js'
import { decisionEventOf, decisionOf } from './decision-facts.js'
import { type FindingDetailRow, FindingDetailsRepository, type StatementRow } from './finding-details.repository.js'
import { findingIdOf } from './finding-reference.js'

/** Shows one finding with what was decided about it, when and by whom. */
@Injectable()
export class FindingDetailsService {
  constructor(private readonly details: FindingDetailsRepository) {}

  /** Throws `not-found` alike for what is not there and for what the caller may not see. */
  async get(publicId: string, scope: VisibleRepositories): Promise<FindingDetail> {
    const findingId = findingIdOf(publicId)
    const row = await this.details.finding(findingId, scope)
    if (row === null) throw new PharosError('not-found', 'There is no such finding, or you may not see it.')
    const [decision, history, statements] = await Promise.all([
      this.details.decision(findingId),
      this.details.history(findingId),
      this.details.statements(findingId),
    ])
    return {
      finding: findingOf(row),
      image: { digest: row.digest, references: row.references.map(originalText) },
      decision: decision && decisionOf(decision),
      version: history[0]?.version ?? 0,
      history: history.map(decisionEventOf),
      vex: statements.map(statementOf),
    }
  }
}

function findingOf(row: FindingDetailRow): FindingDetail['finding'] {
  const { fixVersions, fixAvailable, details } = row.match_body
  return {
    id: publicFindingId('f', row.id),
    kind: 'vulnerability',
    engine: engineOf(row.engine),
    vulnerability: { ...vulnerabilityOf(row), severity: severityOf(row.severity) },
    risk: row.risk,
    fix: { state: fixStateOf(row.fix_state), versions: fixVersions, available: fixAvailable },
    package: packageRefOf(row),
    locations: row.occurrence_detail?.locations ?? [],
    state: row.is_open ? 'open' : 'gone',
    firstSeenAt: row.first_seen_at.toISOString(),
    lastSeenAt: (row.last_seen_at ?? row.scanned_at ?? row.first_seen_at).toISOString(),
    matchDetails: details,
  }
}

function statementOf(row: StatementRow): VexStatementView {
  return {
    documentId: row.document_id,
    author: row.author && originalText(row.author),
    status: row.status,
    justification: row.justification,
    impactStatement: row.impact_statement && originalText(row.impact_statement),
    comment: row.comment && originalText(row.comment),
    original: row.original,
    at: row.at.toISOString(),
    isTrusted: row.is_trusted,
  }
}
