import { Injectable } from '@nestjs/common'
import type { AuditEntry } from '@pharos/contracts'
import { decodeCursor, type Page, pageOfRows } from '../database/keyset.js'
import { AuditRepository } from './audit.repository.js'

/** What of the audit log is asked for. */
export interface AuditQuery {
  readonly limit: number
  readonly cursor?: string | undefined
  readonly action?: string | undefined
  readonly principal?: string | undefined
}

/** Reads the audit log. */
@Injectable()
export class AuditService {
  constructor(private readonly entries: AuditRepository) {}

  async list({ limit, cursor, action, principal }: AuditQuery): Promise<Page<AuditEntry>> {
    const list = { list: 'audit', sort: JSON.stringify([action ?? null, principal ?? null]) }
    const [before] = decodeCursor(list, cursor, ['int']) ?? [null]
    const found = await this.entries.list({
      action: action ?? null,
      principal: principal ?? null,
      before: before === null || before === undefined ? null : String(before),
      limit: limit + 1,
    })
    return pageOfRows(
      list,
      found,
      limit,
      (row) => [row.id],
      (row) => ({ ...row, at: row.at.toISOString() }),
    )
  }
}
