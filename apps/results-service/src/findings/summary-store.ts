import { Injectable } from '@nestjs/common'
import type { EngineName } from '@pharos/contracts'
import type { Transaction } from '../database/transaction.js'
import { plainArray } from '../ingest/array-parameter.js'
import { engineCode, fixStateCode, severities, severityCode } from '../inventory/column-codes.js'
import type { FindingFacts } from './finding-diff.js'
import { idsOfImage } from './finding-identity.js'

/** Counts that an image shows of an engine's findings: those that are open and not suppressed by a decision. */
export interface FindingCounts {
  /** By severity code, 0 to 5. */
  readonly bySeverity: readonly number[]
  readonly fixable: number
  readonly kev: number
  /** 0 to 100, as a 32-bit number. */
  readonly maxRisk: number
  /** Open ones that a decision suppresses; in none of the other counts. */
  readonly suppressed: number
  /** Open and not suppressed. */
  readonly total: number
}

const fixedCode = fixStateCode('fixed')

const severityCounts = severities
  .map((severity) => `count(*) filter (where not f.is_suppressed and f.severity = ${severityCode(severity)})::int as ${severity}`)
  .join(', ')

/** The counts of the rows of `finding f` left joined with `vulnerability_score s`. */
const countColumns = `${severityCounts},
  count(*) filter (where not f.is_suppressed and f.fix_state = ${fixedCode})::int as fixable,
  count(*) filter (where not f.is_suppressed and f.is_kev)::int as kev,
  coalesce(max(coalesce(s.risk, 0)) filter (where not f.is_suppressed), 0)::real as max_risk,
  count(*) filter (where f.is_suppressed)::int as suppressed`

const columns = [...severities, 'fixable', 'kev', 'max_risk', 'suppressed']
const assignments = columns.map((column) => `${column} = excluded.${column}`).join(', ')

/**
 * Summaries of images: the only place that writes `image_summary` and `image.max_risk`. An ingest knows the counts and writes
 * them; whatever else changes findings, suppressions or scores calls `recount` in its transaction.
 */
@Injectable()
export class SummaryStore {
  /** Writes the counts of an engine's findings in an image whose row the caller has locked. */
  async store(tx: Transaction, imageId: number, engine: EngineName, counts: FindingCounts): Promise<void> {
    await tx.query(
      `insert into image_summary (image_id, engine, ${columns.join(', ')}) values ($1, $2, ${columns.map((_column, position) => `$${position + 3}`).join(', ')})
       on conflict (image_id, engine) do update set ${assignments}`,
      [
        imageId,
        engineCode(engine),
        ...severities.map((severity) => counts.bySeverity[severityCode(severity)] ?? 0),
        counts.fixable,
        counts.kev,
        counts.maxRisk,
        counts.suppressed,
      ],
    )
  }

  /**
   * Locks images in the order of their ids, as an ingest locks its one. Whoever changes rows of `finding` outside of an ingest
   * calls it before the change: an ingest counts what it has read under this lock.
   */
  async lockImages(tx: Transaction, imageIds: readonly number[]): Promise<void> {
    if (imageIds.length === 0) return
    await tx.query('select from image where id = any ($1::int8[]) order by id for update', [plainArray(imageIds)])
  }

  /**
   * Makes the summaries of the images equal to their findings, and their `max_risk` the greatest of their engines'. `null` stands
   * for all images: the caller then keeps ingests out, since images are not locked one by one.
   */
  async recount(tx: Transaction, imageIds: readonly number[] | null): Promise<void> {
    if (imageIds?.length === 0) return
    if (imageIds !== null) await this.lockImages(tx, imageIds)
    const parameters = imageIds === null ? [] : [plainArray(imageIds)]
    const chosen = (column: string): string => (imageIds === null ? 'true' : `${column} = any ($1::int8[])`)
    // All of them are read in the order of the table, some of them by the part of the primary key that is theirs.
    const counted =
      imageIds === null
        ? `select f.image_id, f.engine, ${countColumns} from finding f left join vulnerability_score s on s.vulnerability_id = f.vulnerability_id
            where f.is_open group by f.image_id, f.engine`
        : `select i.id as image_id, c.* from image i cross join lateral (
             select f.engine, ${countColumns} from finding f left join vulnerability_score s on s.vulnerability_id = f.vulnerability_id
              where ${idsOfImage('f.id', 'i.digest')} and f.image_id = i.id and f.is_open group by f.engine) c
            where ${chosen('i.id')}`
    await tx.query(
      `with counted as (${counted})
       insert into image_summary (image_id, engine, ${columns.join(', ')})
       select r.image_id, r.engine, ${columns.map((column) => `coalesce(c.${column}, 0)`).join(', ')}
         from image_engine_result r left join counted c on c.image_id = r.image_id and c.engine = r.engine
        where r.has_good_result and ${chosen('r.image_id')} order by r.image_id, r.engine
       on conflict (image_id, engine) do update set ${assignments}
        where (${columns.map((column) => `image_summary.${column}`).join(', ')}) is distinct from (${columns.map((column) => `excluded.${column}`).join(', ')})`,
      parameters,
    )
    await tx.query(
      `update image i set max_risk = m.max_risk
         from (select image_id, max(max_risk) as max_risk from image_summary where ${chosen('image_id')} group by image_id) m
        where i.id = m.image_id and i.max_risk <> m.max_risk`,
      parameters,
    )
  }
}

/** Counts the open findings of an engine. */
export function countFindings(open: readonly FindingFacts[], suppressed: number): FindingCounts {
  const bySeverity = [0, 0, 0, 0, 0, 0]
  let fixable = 0
  let kev = 0
  let maxRisk = 0
  for (const finding of open) {
    bySeverity[finding.severity] = (bySeverity[finding.severity] ?? 0) + 1
    if (finding.fixState === fixedCode) fixable += 1
    if (finding.isKev) kev += 1
    if (finding.risk > maxRisk) maxRisk = finding.risk
  }
  return { bySeverity, fixable, kev, maxRisk, suppressed, total: open.length }
}
