import { Injectable } from '@nestjs/common'
import type { HistoryEntry, HistoryPage, PackageRef, PageQuery } from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { decodeCursor, pageOfRows } from '../database/keyset.js'
import { publicFindingId } from '../findings/finding-identity.js'
import { ImageLocator } from '../images/image-locator.js'
import { engineOf, fixStateOf, severityOf } from '../inventory/column-codes.js'
import { originalText } from '../inventory/stored-text.js'
import { packageRefOf } from '../packages/package-view.js'
import { HistoryRepository, type HistoryRow, historySources } from './history.repository.js'

/** What changed in images, newest first. */
@Injectable()
export class HistoryService {
  constructor(
    private readonly history: HistoryRepository,
    private readonly locator: ImageLocator,
  ) {}

  async list(digest: string, { cursor, limit }: PageQuery, scope: VisibleRepositories): Promise<HistoryPage> {
    const image = await this.locator.locate(digest, scope)
    const list = { list: 'history', sort: image.digest }
    const found = await this.history.list(image, scope, decodeCursor(list, cursor, ['time', 'code', 'int']), limit + 1)
    return pageOfRows(list, found, limit, (row) => [row.at.toISOString(), row.source, row.id], entryOf)
  }
}

function entryOf(row: HistoryRow): HistoryEntry {
  if (row.source === historySources.finding || row.source === historySources.decision) return findingEntryOf(row)
  if (row.source === historySources.package) return packageEntryOf(row)
  return {
    subject: 'image',
    at: row.at.toISOString(),
    change: imageChangeOf(row.source),
    engine: row.engine === null ? null : engineOf(row.engine),
    findings: row.finding_count,
    reference: row.reference && originalText(row.reference),
  }
}

function imageChangeOf(source: number): Extract<HistoryEntry, { subject: 'image' }>['change'] {
  if (source === historySources.referenced) return 'referenced'
  if (source === historySources.unreferenced) return 'unreferenced'
  return source === historySources.scanned ? 'scanned' : 'seen'
}

function findingEntryOf(row: HistoryRow): HistoryEntry {
  const isDecision = row.source === historySources.decision
  return {
    subject: 'finding',
    at: row.at.toISOString(),
    change: isDecision ? 'decided' : (row.kind as 'appeared' | 'gone' | 'changed'),
    cause: row.cause ?? 'scan',
    id: publicFindingId('f', row.finding_id ?? ''),
    vulnerability: originalText(row.canonical_id ?? ''),
    package: packageRefOf({ type: row.type ?? '', name: row.name ?? '', version: row.version ?? '', purl: row.purl }),
    engine: engineOf(row.engine ?? 0),
    before: factsOf(row.before_severity, row.before_fix_state, row.before_is_kev),
    after: factsOf(row.severity, row.fix_state, row.is_kev),
    decision: isDecision ? { before: row.decision_before, after: row.decision_after } : null,
    generationId: row.generation_id,
    by: row.decided_by,
  }
}

function packageEntryOf(row: HistoryRow): HistoryEntry {
  const before = packageOf(row.before_type, row.before_name, row.before_version, row.before_purl)
  const after = packageOf(row.after_type, row.after_name, row.after_version, row.after_purl)
  const change = before === null ? 'added' : after === null ? 'removed' : 'changed'
  return { subject: 'package', at: row.at.toISOString(), change, cause: 'catalogue', before, after }
}

function packageOf(type: string | null, name: string | null, version: string | null, purl: string | null): PackageRef | null {
  return type === null || name === null || version === null ? null : packageRefOf({ type, name, version, purl })
}

/** null for an event that was written before both sides were told, and for the side on which there was nothing. */
function factsOf(severity: number | null, fixState: number | null, kev: boolean | null) {
  if (severity === null || fixState === null || kev === null) return null
  return { severity: severityOf(severity), fixState: fixStateOf(fixState), kev }
}
