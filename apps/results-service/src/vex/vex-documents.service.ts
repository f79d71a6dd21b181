import { createHash, randomUUID } from 'node:crypto'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { Injectable } from '@nestjs/common'
import { hasRole, type ListVexDocumentsQuery, PharosError, type Principal, type VexDocument, type VexDocumentPage } from '@pharos/contracts'
import { type Clock, InjectClock, parseStrictJson } from '@pharos/service-kit'
import { AuditLog } from '../audit/audit-log.js'
import { decodeCursor, pageOfRows } from '../database/keyset.js'
import { Database } from '../database/transaction.js'
import { originalText, storedText } from '../inventory/stored-text.js'
import { readVexDocument } from './formats/read-vex-document.js'
import { VexApplicationService } from './vex-application.service.js'
import { type VexDocumentRow, VexDocumentsRepository } from './vex-documents.repository.js'

const compress = promisify(gzip)
const inflate = promisify(gunzip)
/** Longest time that a caller waits for the stored images; the rest follows in the background. */
const patienceMs = 20_000

/** VEX documents: brought, listed and removed. Their effects follow at once, or soon where many images are stored. */
@Injectable()
export class VexDocumentsService {
  constructor(
    private readonly documents: VexDocumentsRepository,
    private readonly application: VexApplicationService,
    private readonly audit: AuditLog,
    private readonly database: Database,
    @InjectClock() private readonly clock: Clock,
  ) {}

  /**
   * Stores a document and has the stored images follow it. The same bytes of the same uploader are stored once. Throws `vex-invalid`,
   * `json-invalid` and `json-duplicate-key`.
   */
  async upload(text: string, principal: Principal): Promise<{ document: VexDocument; isNew: boolean }> {
    const bytes = Buffer.from(text)
    const now = this.clock.now()
    const document = {
      id: randomUUID(),
      parsed: readVexDocument(parseStrictJson(text), now),
      sha256: createHash('sha256').update(bytes).digest('hex'),
      body: await compress(bytes),
      sizeBytes: bytes.length,
      uploadedBy: principal.id,
      uploaderRoles: principal.roles,
      repositories: principal.scope.repositories,
      uploadedAt: now,
    }
    const stored = await this.database.inTransaction(async (tx) => {
      const same = await this.documents.findSame(tx, document.sha256, principal.id)
      if (same !== null) return same
      const superseded = await this.documents.supersede(tx, document)
      if (!(await this.documents.insert(tx, document))) return this.documents.findSame(tx, document.sha256, principal.id)
      await this.audit.record(tx, principal, {
        action: 'vex.upload',
        subject: document.id,
        detail: {
          documentId: storedText(document.parsed.documentId.slice(0, 500)),
          statements: document.parsed.statements.length,
          superseded,
        },
      })
      // Last, since reports that are being stored wait for it.
      await this.documents.holdMatching(tx)
      return { id: document.id, state: 'applying' as const }
    })
    if (stored === null || stored.state === 'removing')
      throw new PharosError('conflict', 'This document is being removed. Bring it again when it is gone.')
    await this.application.settle(this.clock.nowMs() + patienceMs)
    return { document: await this.read(stored.id), isNew: stored.id === document.id }
  }

  async list({ cursor, limit, format }: ListVexDocumentsQuery, principal: Principal): Promise<VexDocumentPage> {
    const uploadedBy = principal.scope.repositories === null ? null : principal.id
    const list = { list: 'vex-documents', sort: JSON.stringify([format ?? null, uploadedBy]) }
    const found = await this.documents.list({ format: format ?? null, uploadedBy }, decodeCursor(list, cursor, ['time', 'uuid']), limit + 1)
    return pageOfRows(list, found, limit, (row) => [row.uploaded_at.toISOString(), row.id], viewOf)
  }

  /** Throws `not-found` alike for what is not there and for what the caller may not see. */
  async get(id: string, principal: Principal): Promise<VexDocument> {
    const document = await this.read(id)
    if (principal.scope.repositories !== null && document.uploadedBy !== principal.id) throw notFound()
    return document
  }

  /** The document as it came. */
  async content(id: string, principal: Principal): Promise<Buffer> {
    await this.get(id, principal)
    const body = await this.documents.body(id)
    if (body === null) throw notFound()
    return inflate(body)
  }

  /** Takes the effects of a document back and removes it. */
  async remove(id: string, principal: Principal): Promise<void> {
    const document = await this.get(id, principal)
    if (document.uploadedBy !== principal.id && !hasRole(principal.roles, 'admin'))
      throw new PharosError('forbidden', 'This document was brought by somebody else; removing it needs the role admin.')
    await this.database.inTransaction(async (tx) => {
      await this.documents.lock(tx, [id])
      await this.documents.holdMatching(tx)
      await this.documents.startRemoving(tx, id)
      await this.audit.record(tx, principal, {
        action: 'vex.remove',
        subject: id,
        detail: { documentId: storedText(document.documentId.slice(0, 500)) },
      })
    })
    await this.application.settle(this.clock.nowMs() + patienceMs)
  }

  private async read(id: string): Promise<VexDocument> {
    const row = await this.documents.find(id)
    if (row === null) throw notFound()
    return viewOf(row)
  }
}

function notFound(): PharosError {
  return new PharosError('not-found', 'There is no such VEX document, or you may not see it.')
}

function viewOf(row: VexDocumentRow): VexDocument {
  return {
    id: row.id,
    format: row.format,
    documentId: originalText(row.document_id),
    documentVersion: row.document_version && originalText(row.document_version),
    author: row.author && originalText(row.author),
    issuedAt: row.issued_at.toISOString(),
    sha256: row.sha256,
    sizeBytes: row.size_bytes,
    uploadedBy: originalText(row.uploaded_by),
    uploadedAt: row.uploaded_at.toISOString(),
    state: row.state,
    statements: row.statement_count,
    matched: row.matched,
    decided: row.decided,
    proposed: row.proposed,
    warnings: row.warnings,
  }
}
