import { Injectable } from '@nestjs/common'
import type { Role, VexDocument, VexFormat } from '@pharos/contracts'
import type { KeysetValue } from '../database/keyset.js'
import { oneRow, rows } from '../database/sql.js'
import { Database, type Transaction } from '../database/transaction.js'
import { plainArray, textArray } from '../ingest/array-parameter.js'
import { storedText } from '../inventory/stored-text.js'
import { aliasHash } from '../vulnerabilities/vulnerability-store.js'
import type { ParsedVexDocument } from './formats/vex-statement.js'

/** A document to be stored. */
export interface NewVexDocument {
  readonly id: string
  readonly parsed: ParsedVexDocument
  /** SHA-256, hex. */
  readonly sha256: string
  /** gzip */
  readonly body: Buffer
  readonly sizeBytes: number
  readonly uploadedBy: string
  readonly uploaderRoles: readonly Role[]
  readonly repositories: readonly string[] | null
  readonly uploadedAt: Date
}

/** A document as it is listed. */
export interface VexDocumentRow {
  id: string
  format: VexFormat
  document_id: string
  document_version: string | null
  author: string | null
  issued_at: Date
  sha256: string
  size_bytes: number
  uploaded_by: string
  uploaded_at: Date
  state: VexDocument['state']
  statement_count: number
  warnings: string[]
  matched: number
  decided: number
  proposed: number
}

const columns = `d.id, d.format, d.document_id, d.document_version, d.author, d.issued_at, d.sha256, d.size_bytes, d.uploaded_by, d.uploaded_at, d.state, d.statement_count, d.warnings,
  (select count(*) from finding_decision c where c.document_id = d.id)::int as decided, m.matched, m.matched - m.trusted as proposed`
const joins = `cross join lateral (
  select count(distinct m.finding_id)::int as matched, count(distinct m.finding_id) filter (where m.is_trusted)::int as trusted
    from vex_statement s join vex_match m on m.statement_id = s.id join finding f on f.id = m.finding_id and f.is_open where s.document_id = d.id) m`

const insertBatch = 2000

/** VEX documents and their statements. */
@Injectable()
export class VexDocumentsRepository {
  constructor(private readonly database: Database) {}

  /** Newest first. `uploadedBy` limits it to the documents of one uploader. */
  async list(
    filter: { format: VexFormat | null; uploadedBy: string | null },
    after: readonly KeysetValue[] | null,
    limit: number,
  ): Promise<VexDocumentRow[]> {
    const [uploadedAt = null, id = null] = after ?? []
    return rows<VexDocumentRow>(
      this.database.runner,
      `select ${columns} from (
         select * from vex_document d where ($1::text is null or d.format = $1) and ($2::text is null or d.uploaded_by = $2)
            and ($4::uuid is null or (d.uploaded_at, d.id) < ($3::timestamptz, $4)) order by d.uploaded_at desc, d.id desc limit $5) d ${joins}
        order by d.uploaded_at desc, d.id desc`,
      [filter.format, filter.uploadedBy === null ? null : storedText(filter.uploadedBy), uploadedAt, id, limit],
    )
  }

  async find(id: string): Promise<VexDocumentRow | null> {
    return oneRow<VexDocumentRow>(this.database.runner, `select ${columns} from vex_document d ${joins} where d.id = $1`, [id])
  }

  async body(id: string): Promise<Buffer | null> {
    return (await oneRow<{ body: Buffer }>(this.database.runner, 'select body from vex_document where id = $1', [id]))?.body ?? null
  }

  /** The document that this uploader has brought already, byte for byte. */
  async findSame(tx: Transaction, sha256: string, uploadedBy: string): Promise<{ id: string; state: VexDocument['state'] } | null> {
    return oneRow(tx, 'select id, state from vex_document where sha256 = $1 and uploaded_by = $2', [sha256, storedText(uploadedBy)])
  }

  /**
   * Waits for whoever is matching statements and keeps others from it until the end of the transaction: whoever has not seen a change of
   * the statements in force has committed by then, so that going through the stored images afterwards misses none.
   */
  async holdMatching(tx: Transaction): Promise<void> {
    await tx.query('select pg_advisory_xact_lock(7236451120)')
  }

  /** Stores a document and its statements; false when the same uploader has stored it meanwhile. */
  async insert(tx: Transaction, document: NewVexDocument): Promise<boolean> {
    const { parsed } = document
    const inserted = await rows<{ id: string }>(
      tx,
      `insert into vex_document (id, format, document_id, document_version, author, issued_at, sha256, body, size_bytes, statement_count, warnings,
         uploaded_by, uploader_roles, repositories, uploaded_at, state)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 'applying') on conflict (sha256, uploaded_by) do nothing returning id`,
      [
        document.id,
        parsed.format,
        storedText(parsed.documentId),
        parsed.documentVersion === null ? null : storedText(parsed.documentVersion),
        parsed.author === null ? null : storedText(parsed.author),
        parsed.issuedAt,
        document.sha256,
        document.body,
        document.sizeBytes,
        parsed.statements.length,
        JSON.stringify(parsed.warnings.slice(0, 100)),
        storedText(document.uploadedBy),
        document.uploaderRoles,
        document.repositories?.map(storedText) ?? null,
        document.uploadedAt,
      ],
    )
    if (inserted.length === 0) return false
    for (let from = 0; from < parsed.statements.length; from += insertBatch) await this.insertStatements(tx, document, from)
    return true
  }

  private async insertStatements(tx: Transaction, { id, parsed, uploadedAt }: NewVexDocument, from: number): Promise<void> {
    const statements = parsed.statements.slice(from, from + insertBatch)
    const text = (of: (statement: (typeof statements)[number]) => string | null): Buffer =>
      textArray(
        statements.map((statement) => {
          const value = of(statement)
          return value === null ? null : storedText(value)
        }),
      )
    const inserted = await rows<{ id: string; position: number }>(
      tx,
      `insert into vex_statement (document_id, position, status, justification, impact_statement, comment, response, original, at, vulnerability, products)
       select $1, p, s, j, i, c, array(select json_array_elements_text(r::json)), o::json, least(a::timestamptz, $2), v, x::json
         from unnest($3::int4[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[])
              as t(p, s, j, i, c, r, o, a, v, x) order by p returning id, position`,
      [
        id,
        uploadedAt,
        plainArray(statements.map((_statement, position) => from + position)),
        text(({ status }) => status),
        text(({ justification }) => justification),
        text(({ impactStatement }) => impactStatement),
        text(({ comment }) => comment),
        text(({ response }) => JSON.stringify(response)),
        textArray(statements.map(({ original }) => JSON.stringify(original))),
        text(({ at }) => at.toISOString()),
        text(({ vulnerability }) => vulnerability),
        textArray(statements.map(({ products }) => JSON.stringify(products))),
      ],
    )
    const names = inserted.flatMap((row) =>
      (parsed.statements[row.position]?.names ?? []).map((name) => ({ id: row.id, hash: aliasHash(storedText(name)) })),
    )
    await tx.query(
      'insert into vex_statement_alias (alias_hash, statement_id) select h, s from unnest($1::uuid[], $2::int8[]) as t(h, s) order by h, s on conflict do nothing',
      [plainArray(names.map(({ hash }) => hash)), plainArray(names.map((name) => name.id))],
    )
  }

  /** Former versions of the document by the same uploader lose their effect: what they alone say no longer holds. */
  async supersede(tx: Transaction, { id, parsed, uploadedBy }: NewVexDocument): Promise<string[]> {
    const former = await rows<{ id: string }>(
      tx,
      `update vex_document set state = 'removing', applied_image_id = 0, superseded_by = $1
        where id in (select id from vex_document where format = $2 and document_id = $3 and uploaded_by = $4 and issued_at <= $5 and id <> $1 and state <> 'removing'
                      order by id for update) returning id`,
      [id, parsed.format, storedText(parsed.documentId), storedText(uploadedBy), parsed.issuedAt],
    )
    return former.map((row) => row.id)
  }

  /** Locks the rows of documents before `holdMatching`, in the order in which everybody locks them. */
  async lock(tx: Transaction, ids: readonly string[] | null): Promise<void> {
    await tx.query('select from vex_document where $1::uuid[] is null or id = any ($1::uuid[]) order by id for update', [ids])
  }

  async startRemoving(tx: Transaction, id: string): Promise<void> {
    await tx.query(`update vex_document set state = 'removing', applied_image_id = 0 where id = $1 and state <> 'removing'`, [id])
  }

  /** All documents are to be judged anew. */
  async startApplyingAll(tx: Transaction): Promise<void> {
    await tx.query(`update vex_document set state = 'applying', applied_image_id = 0 where state <> 'removing'`)
  }
}
