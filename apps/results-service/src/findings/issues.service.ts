import { Injectable } from '@nestjs/common'
import type { MisconfigurationFinding, PageQuery, ReportMisconfiguration, ReportSecret, SecretFinding } from '@pharos/contracts'
import type { z } from 'zod'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { decodeCursor, type Page, pageOfRows } from '../database/keyset.js'
import { ImageLocator } from '../images/image-locator.js'
import { engineOf, severityOf } from '../inventory/column-codes.js'
import { publicFindingId } from './finding-identity.js'
import { FindingsRepository, type IssueRow } from './findings.repository.js'
import type { IssueTable } from './issue-store.js'

/** Lists the secrets and misconfigurations of an image. */
@Injectable()
export class IssuesService {
  constructor(
    private readonly findings: FindingsRepository,
    private readonly locator: ImageLocator,
  ) {}

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
    const found = await this.findings.listIssues(table, image, decodeCursor(list, cursor, ['code', 'uuid']), limit + 1)
    return pageOfRows(list, found, limit, (row) => [row.severity, row.id], toItem)
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
