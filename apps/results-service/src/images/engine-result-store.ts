import { Injectable } from '@nestjs/common'
import type { EngineOutcome } from '@pharos/contracts'
import { rows } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { engineCode, engineOf } from '../inventory/column-codes.js'

/** What the last result of an engine was made with. */
export interface FormerResult {
  /** When the last good result was made; null when there has been none. */
  readonly scannedAt: Date | null
  readonly engineVersion: string | null
  readonly generationId: string | null
  /** Of the findings that it showed, when it was whole; null otherwise. */
  readonly findingsHash: string | null
  /** Open findings, with and without those that a decision suppresses. */
  readonly open: { readonly all: number; readonly counted: number }
}

interface ResultRow {
  engine: number
  has_good_result: boolean
  scanned_at: Date
  engine_version: string | null
  generation_id: string | null
  findings_hash: string | null
  counted: number | null
  suppressed: number | null
}

/** What each engine last said of an image. */
@Injectable()
export class EngineResultStore {
  /** The former results of an image by engine. */
  async former(tx: Transaction, imageId: number): Promise<Map<string, FormerResult>> {
    const found = await rows<ResultRow>(
      tx,
      `select r.engine, r.has_good_result, r.scanned_at, r.engine_version, r.generation_id, r.findings_hash, s.suppressed,
              s.critical + s.high + s.medium + s.low + s.negligible + s.unknown as counted
         from image_engine_result r left join image_summary s on s.image_id = r.image_id and s.engine = r.engine where r.image_id = $1`,
      [imageId],
    )
    return new Map(
      found.map((row) => [
        engineOf(row.engine),
        {
          scannedAt: row.has_good_result ? row.scanned_at : null,
          engineVersion: row.engine_version,
          generationId: row.generation_id,
          findingsHash: row.findings_hash,
          open: { all: (row.counted ?? 0) + (row.suppressed ?? 0), counted: row.counted ?? 0 },
        },
      ]),
    )
  }

  /** Stores a complete or partial outcome. */
  async storeGood(
    tx: Transaction,
    imageId: number,
    outcome: EngineOutcome,
    made: { at: Date; generationId: string | null; findingsHash: string | null },
  ): Promise<void> {
    await tx.query(
      `insert into image_engine_result (image_id, engine, status, engine_version, database, generation_id, reasons, scanned_at, has_good_result, last_attempt_failed, attempted_at, findings_hash)
       values ($1, $2, $3, $4, $5, $6, $7, $8, true, false, $8, $9)
       on conflict (image_id, engine) do update set status = excluded.status, engine_version = excluded.engine_version, database = excluded.database,
         generation_id = excluded.generation_id, reasons = excluded.reasons, scanned_at = excluded.scanned_at, has_good_result = true,
         last_attempt_failed = false, failed_reasons = '[]', attempted_at = excluded.attempted_at, findings_hash = excluded.findings_hash`,
      [
        imageId,
        engineCode(outcome.engine),
        outcome.status,
        outcome.engineVersion,
        outcome.database === null ? null : JSON.stringify(outcome.database),
        made.generationId,
        JSON.stringify(outcome.reasons),
        made.at,
        made.findingsHash,
      ],
    )
  }

  /** The packages of an image are others than those that its results are of. */
  async forgetGeneration(tx: Transaction, imageId: number): Promise<void> {
    await tx.query('update image_engine_result set generation_id = null where image_id = $1', [imageId])
  }

  /** Notes that an engine failed. A former good result stays as it is, with its age. */
  async storeFailed(tx: Transaction, imageId: number, outcome: EngineOutcome, at: Date): Promise<void> {
    await tx.query(
      `insert into image_engine_result (image_id, engine, status, engine_version, database, reasons, scanned_at, has_good_result, last_attempt_failed, failed_reasons, attempted_at)
       values ($1, $2, $3, $4, $5, $6, $7, false, true, $6, $7)
       on conflict (image_id, engine) do update set last_attempt_failed = true, failed_reasons = excluded.failed_reasons, attempted_at = excluded.attempted_at,
         status = case when image_engine_result.has_good_result then image_engine_result.status else excluded.status end`,
      [
        imageId,
        engineCode(outcome.engine),
        outcome.status,
        outcome.engineVersion,
        outcome.database === null ? null : JSON.stringify(outcome.database),
        JSON.stringify(outcome.reasons),
        at,
      ],
    )
  }
}
