import { Injectable } from '@nestjs/common'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { rows } from '../database/sql.js'
import { Database, type Transaction } from '../database/transaction.js'
import { otherReports } from '../findings/finding-merge.js'
import { plainArray } from '../ingest/array-parameter.js'
import { visible } from '../inventory/visibility.js'
import { decisionColumns, type DecisionRow } from './decision-facts.js'

/** A finding as far as a decision about it goes. */
export interface DecidableFinding {
  readonly findingId: string
  readonly imageId: number
  readonly decision: DecisionRow | null
  /** Number of the decision's last change; 0 when there has been none. */
  readonly version: number
}

/** Reads decisions. They are written by `DecisionStore`. */
@Injectable()
export class DecisionsRepository {
  constructor(private readonly database: Database) {}

  /** Ids of the findings that exist and that the caller may see, with their images. */
  async locate(tx: Transaction, findingIds: readonly string[], scope: VisibleRepositories): Promise<Map<string, number>> {
    const found = await rows<{ id: string; image_id: string }>(
      tx,
      `select f.id, f.image_id from finding f where f.id = any ($1::uuid[]) and ${visible('f.image_id', 2)}`,
      [plainArray(findingIds), scope],
    )
    return new Map(found.map((row) => [row.id, Number(row.image_id)]))
  }

  /** Findings of other engines that lists show in one row with these. */
  async inOneRow(tx: Transaction, findingIds: readonly string[]): Promise<string[]> {
    const found = await rows<{ id: string }>(
      tx,
      `select distinct o.id from finding f cross join lateral (select mf.id from ${otherReports('f', 'mf')}) o where f.id = any ($1::uuid[])`,
      [plainArray(findingIds)],
    )
    return found.map(({ id }) => id).filter((id) => !findingIds.includes(id))
  }

  /** Findings with what is decided about them. To be read under the locks of their images. */
  async read(tx: Transaction, findingIds: readonly string[]): Promise<DecidableFinding[]> {
    const found = await rows<{ id: string; image_id: string; last_version: number; has_decision: boolean } & DecisionRow>(
      tx,
      `select f.id, f.image_id, coalesce((select max(e.version) from finding_decision_event e where e.finding_id = f.id), 0) as last_version,
              d.finding_id is not null as has_decision, ${decisionColumns('d')}
         from finding f left join finding_decision d on d.finding_id = f.id where f.id = any ($1::uuid[]) order by f.id`,
      [plainArray(findingIds)],
    )
    return found.map((row) => ({
      findingId: row.id,
      imageId: Number(row.image_id),
      decision: row.has_decision ? row : null,
      version: row.last_version,
    }))
  }

  /** Findings whose decision is over, by image. */
  async expired(at: Date, limit: number): Promise<{ imageId: number; findingIds: string[] }[]> {
    const found = await rows<{ image_id: string; finding_ids: string[] }>(
      this.database.runner,
      `select image_id, array_agg(finding_id::text) as finding_ids
         from (select image_id, finding_id from finding_decision where until <= $1 order by image_id, finding_id limit $2) due group by image_id order by image_id`,
      [at, limit],
    )
    return found.map((row) => ({ imageId: Number(row.image_id), findingIds: row.finding_ids }))
  }
}
