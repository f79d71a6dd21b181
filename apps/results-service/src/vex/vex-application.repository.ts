import { Injectable } from '@nestjs/common'
import { oneRow, rows } from '../database/sql.js'
import { Database, type Transaction } from '../database/transaction.js'

/** A document that stored images do not all follow yet. */
export interface PendingDocument {
  readonly id: string
  readonly state: 'applying' | 'removing'
  /** Images up to this id are done. */
  readonly appliedImageId: string
}

/** How far the stored images follow each document. */
@Injectable()
export class VexApplicationRepository {
  constructor(private readonly database: Database) {}

  async pending(): Promise<string[]> {
    const found = await rows<{ id: string }>(
      this.database.runner,
      `select id from vex_document where state <> 'applied' order by uploaded_at, id`,
    )
    return found.map(({ id }) => id)
  }

  /** Locks a document that is not applied; null when it is, when it is gone, or when another replica is at it. */
  async lock(tx: Transaction, id: string): Promise<PendingDocument | null> {
    const row = await oneRow<{ id: string; state: 'applying' | 'removing'; applied_image_id: string }>(
      tx,
      `select id, state, applied_image_id from vex_document where id = $1 and state <> 'applied' for update skip locked`,
      [id],
    )
    return row && { id: row.id, state: row.state, appliedImageId: row.applied_image_id }
  }

  /** The next images that the document concerns: those with an open finding that it names, and those that follow it already. */
  async nextImages(tx: Transaction, document: PendingDocument, limit: number): Promise<number[]> {
    const named =
      document.state === 'removing'
        ? ''
        : `union
           select f.image_id from vex_statement s join vex_statement_alias n on n.statement_id = s.id
             join vulnerability_alias a on a.alias_hash = n.alias_hash join vulnerability v on v.group_id = a.group_id
             join finding f on f.vulnerability_id = v.id and f.image_id > $2 and f.is_open
            where s.document_id = $1`
    const found = await rows<{ image_id: string }>(
      tx,
      `select image_id from (
         select m.image_id from vex_statement s join vex_match m on m.statement_id = s.id and m.image_id > $2 where s.document_id = $1
         ${named}) x order by image_id limit $3`,
      [document.id, document.appliedImageId, limit],
    )
    return found.map((row) => Number(row.image_id))
  }

  async advance(tx: Transaction, { id }: PendingDocument, imageId: number): Promise<void> {
    await tx.query('update vex_document set applied_image_id = $2 where id = $1', [id, imageId])
  }

  /** All images are done: the document is applied, or gone with its statements. */
  async finish(tx: Transaction, { id, state }: PendingDocument): Promise<void> {
    if (state === 'removing') await tx.query('delete from vex_document where id = $1', [id])
    else await tx.query(`update vex_document set state = 'applied' where id = $1`, [id])
  }

  /** Images that a tag no longer leads to since a moment, and that a statement is about. */
  async imagesThatLostATag(since: Date): Promise<number[]> {
    const found = await rows<{ image_id: string }>(
      this.database.runner,
      `select distinct r.image_id from image_reference r where r.until >= $1 and exists (select from vex_match m where m.image_id = r.image_id) order by r.image_id`,
      [since],
    )
    return found.map((row) => Number(row.image_id))
  }
}
