import { Injectable } from '@nestjs/common'
import {
  type Finding,
  type FindingPage,
  type FixState,
  type ListFindingsQuery,
  type MisconfigurationFinding,
  type PageQuery,
  type ReportMisconfiguration,
  type ReportSecret,
  type SecretFinding,
} from '@pharos/contracts'
import type { z } from 'zod'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { decodeCursor, type Page, pageOfRows } from '../database/keyset.js'
import { ImageLocator } from '../images/image-locator.js'
import { engineCode, engineOf, fixStateCode, fixStateOf, severities, severityCode, severityOf } from '../inventory/column-codes.js'
import { originalText, storedText } from '../inventory/stored-text.js'
import { codesOfList, likeOfGlob } from '../inventory/text-pattern.js'
import { packageRefOf } from '../packages/package-view.js'
import { aliasHash } from '../vulnerabilities/vulnerability-store.js'
import { vulnerabilityOf } from '../vulnerabilities/vulnerability-view.js'
import { publicFindingId } from './finding-identity.js'
import { type FindingFilter, type FindingRow, FindingsRepository, type IssueRow, type OtherAdvisoryRow } from './findings.repository.js'
import type { IssueTable } from './issue-store.js'

const fixStates: readonly FixState[] = ['fixed', 'not-fixed', 'wont-fix', 'unknown']
const firstFindings = 100

/** Lists what was found in an image. */
@Injectable()
export class FindingsService {
  constructor(
    private readonly findings: FindingsRepository,
    private readonly locator: ImageLocator,
  ) {}

  async list(digest: string, query: ListFindingsQuery, scope: VisibleRepositories): Promise<FindingPage> {
    const image = await this.locator.locate(digest, scope)
    const { cursor, limit, ...filters } = query
    const list = { list: 'findings', sort: JSON.stringify([image.digest, filters]) }
    const found = await this.findings.list(image, filterOf(query), query.sort, decodeCursor(list, cursor, 2), limit + 1)
    return pageOfRows(list, found, limit, (row) => [row.sort_key, row.id], findingOf)
  }

  /** The first 100 open findings by risk. */
  async top(digest: string, scope: VisibleRepositories): Promise<Finding[]> {
    return (await this.list(digest, { limit: firstFindings, state: 'open', sort: '-risk' }, scope)).items
  }

  async listSecrets(digest: string, query: z.infer<typeof PageQuery>, scope: VisibleRepositories): Promise<Page<SecretFinding>> {
    return this.listIssues('secret_finding', digest, query, scope, (row) => {
      const { rule, category, title, path, startLine, endLine, masked, layer } = row.body as ReportSecret
      return {
        ...issueOf(row),
        id: publicFindingId('s', row.id),
        kind: 'secret',
        rule,
        category,
        title,
        path,
        startLine,
        endLine,
        masked,
        layer,
      }
    })
  }

  async listMisconfigurations(
    digest: string,
    query: z.infer<typeof PageQuery>,
    scope: VisibleRepositories,
  ): Promise<Page<MisconfigurationFinding>> {
    return this.listIssues('misconfiguration_finding', digest, query, scope, (row) => {
      const { check, title, description, message, resolution, target, urls } = row.body as ReportMisconfiguration
      return {
        ...issueOf(row),
        id: publicFindingId('m', row.id),
        kind: 'misconfiguration',
        check,
        title,
        description,
        message,
        resolution,
        target,
        urls,
      }
    })
  }

  private async listIssues<T>(
    table: IssueTable,
    digest: string,
    { cursor, limit }: z.infer<typeof PageQuery>,
    scope: VisibleRepositories,
    toItem: (row: IssueRow) => T,
  ): Promise<Page<T>> {
    const image = await this.locator.locate(digest, scope)
    const list = { list: table, sort: image.digest }
    const found = await this.findings.listIssues(table, image, decodeCursor(list, cursor, 2), limit + 1)
    return pageOfRows(list, found, limit, (row) => [row.severity, row.id], toItem)
  }
}

function filterOf(query: ListFindingsQuery): FindingFilter {
  return {
    engine: query.engine === undefined ? null : engineCode(query.engine),
    severities: codesOfList('severity', query.severity, (item) => severities.filter((known) => known === item).map(severityCode)[0]),
    minRisk: query.minRisk ?? null,
    isKev: query.kev === undefined ? null : query.kev === 'true',
    fixStates: codesOfList('fix', query.fix, (item) => fixStates.filter((known) => known === item).map(fixStateCode)[0]),
    packageName: query.package === undefined ? null : likeOfGlob(query.package),
    types: query.type?.split(',').map((item) => storedText(item.trim())) ?? null,
    aliasHash: query.vulnerability === undefined ? null : aliasHash(storedText(query.vulnerability)),
    isOpen: query.state === 'all' ? null : query.state === 'open',
  }
}

/** Severity and fix state are those of the image's last scan; risk and texts are those of the vulnerability and match as they are now. */
function findingOf(row: FindingRow): Finding {
  const { fixVersions, fixAvailable, details } = row.match_body
  return {
    id: publicFindingId('f', row.id),
    kind: 'vulnerability',
    engine: engineOf(row.engine),
    vulnerability: { ...vulnerabilityOf(row), severity: severityOf(row.severity) },
    ...(row.others === null ? {} : { alsoReportedAs: row.others.map(otherAdvisoryOf) }),
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

function otherAdvisoryOf(row: OtherAdvisoryRow): NonNullable<Finding['alsoReportedAs']>[number] {
  return {
    nativeId: originalText(row.native_id),
    namespace: originalText(row.namespace),
    severityGiven: originalText(row.severity_given),
    fix: { state: fixStateOf(row.fix_state), versions: row.match_body.fixVersions },
  }
}

function issueOf(row: IssueRow) {
  return {
    engine: engineOf(row.engine),
    severity: severityOf(row.severity),
    state: row.is_open ? ('open' as const) : ('gone' as const),
    firstSeenAt: row.first_seen_at.toISOString(),
    lastSeenAt: row.last_seen_at.toISOString(),
  }
}
