import { Injectable } from '@nestjs/common'
import type { EngineName } from '@pharos/contracts'
import { rows } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { engineCode, engineOf } from '../inventory/column-codes.js'
import { originalText } from '../inventory/stored-text.js'

/** Which stored images are to be scanned again. */
export interface RescanSelection {
  readonly notScannedSince: Date | null
  /** Images whose last result of this generation's engine was made in another generation. */
  readonly generationId: string | null
  readonly engine: EngineName | null
  readonly limit: number
}

/** An image to be scanned again. */
export interface RescanImage {
  readonly digest: string
  readonly platform: string
  /** registry/path of a reference; null for a posted SBOM. */
  readonly repository: string | null
  readonly engines: EngineName[]
}

/** Key of the advisory lock under which rescans are chosen: two rounds at once would choose the same images. */
const rescanLock = 7_236_451_102

/** Chooses images for rescans. */
@Injectable()
export class RescansRepository {
  /**
   * The images that have waited longest. Left out are those that a task is on its way for, those that their registry no longer
   * has and that have no catalogue, and those that were tried since the generation became active: a failing one must not come
   * back each round.
   */
  async choose(tx: Transaction, selection: RescanSelection): Promise<RescanImage[]> {
    await tx.query('select pg_advisory_xact_lock($1)', [rescanLock])
    const found = await rows<{ digest: string; platform: string; repository: string | null; engines: number[] }>(
      tx,
      `select i.digest, i.platform, e.engines,
              (select r.repository from image_reference r where r.image_id = i.id order by r.until is null desc, r.id desc limit 1) as repository
         from image i cross join lateral (select array_agg(x.engine order by x.engine) as engines from image_engine_result x where x.image_id = i.id and ($3::int2 is null or x.engine = $3)) e
        where e.engines is not null
          and ($1::timestamptz is null or i.last_scanned_at < $1 and not exists (select from image_engine_result x where x.image_id = i.id and x.attempted_at >= $1))
          and ($2::uuid is null or exists (
            select from database_generation g join image_engine_result x on x.image_id = i.id
             where g.id = $2 and x.engine = case g.engine when 'grype' then 1 else 2 end and x.generation_id is distinct from g.id and x.attempted_at < g.activated_at))
          and not exists (select from scan_task t where t.known_digest = i.digest and t.ended_at is null)
          and (i.deleted_from_registry_at is null or exists (select from catalogue c where c.digest = i.digest))
        order by i.last_scanned_at, i.id limit $4`,
      [selection.notScannedSince, selection.generationId, selection.engine === null ? null : engineCode(selection.engine), selection.limit],
    )
    return found.map((row) => ({
      digest: row.digest,
      platform: originalText(row.platform),
      repository: row.repository && originalText(row.repository),
      engines: row.engines.map(engineOf),
    }))
  }
}
