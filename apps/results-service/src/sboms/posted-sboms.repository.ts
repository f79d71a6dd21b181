import { Injectable } from '@nestjs/common'
import { oneRow } from '../database/sql.js'
import { Database, type Transaction } from '../database/transaction.js'

/** A posted SBOM; the body is gzip. */
export interface PostedSbom {
  readonly digest: string
  readonly name: string
  readonly format: string
  readonly body: Buffer
  readonly sizeBytes: number
}

@Injectable()
export class PostedSbomsRepository {
  constructor(private readonly database: Database) {}

  async insert(tx: Transaction, sbom: PostedSbom): Promise<void> {
    await tx.query(
      'insert into posted_sbom (digest, name, format, body, size_bytes) values ($1, $2, $3, $4, $5) on conflict (digest) do update set name = excluded.name, created_at = now()',
      [sbom.digest, sbom.name, sbom.format, sbom.body, sbom.sizeBytes],
    )
  }

  async body(digest: string): Promise<Buffer | null> {
    return (await oneRow<{ body: Buffer }>(this.database.runner, 'select body from posted_sbom where digest = $1', [digest]))?.body ?? null
  }
}
