import { Injectable } from '@nestjs/common'
import type { PageQuery, VexConflict, VexConflictPage } from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { decodeCursor, pageOfRows } from '../database/keyset.js'
import { publicFindingId } from '../findings/finding-identity.js'
import { originalText } from '../inventory/stored-text.js'
import { type ConflictRow, VexConflictsRepository } from './vex-conflicts.repository.js'

const list = { list: 'vex-conflicts', sort: 'finding' }

/** Lists where people and documents, or documents, contradict each other. */
@Injectable()
export class VexConflictsService {
  constructor(private readonly conflicts: VexConflictsRepository) {}

  async list({ cursor, limit }: PageQuery, scope: VisibleRepositories): Promise<VexConflictPage> {
    const [after = null] = decodeCursor(list, cursor, ['uuid']) ?? []
    const found = await this.conflicts.list(scope, after === null ? null : String(after), limit + 1)
    return pageOfRows(list, found, limit, (row) => [row.finding_id], conflictOf)
  }
}

function conflictOf(row: ConflictRow): VexConflict {
  return {
    findingId: publicFindingId('f', row.finding_id),
    digest: row.digest,
    vulnerability: originalText(row.canonical_id),
    package: `${originalText(row.package_name)}@${originalText(row.package_version)}`,
    effective: {
      source: row.source,
      status: row.status,
      by: originalText(row.own_author ?? row.decided_by),
      documentId: row.document_id,
      at: row.decided_at.toISOString(),
    },
    against: {
      source: 'vex',
      status: row.other_status,
      by: originalText(row.other_author ?? row.other_uploaded_by),
      documentId: row.other_document_id,
      at: row.other_at.toISOString(),
    },
  }
}
