import { Injectable } from '@nestjs/common'
import type { DecisionStatus, Justification, OriginalDecision } from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { oneRow, rows } from '../database/sql.js'
import { Database, type Transaction } from '../database/transaction.js'
import { plainArray } from '../ingest/array-parameter.js'
import { visible } from '../inventory/visibility.js'
import { decisionColumns, type DecisionEventRow, type DecisionRow } from './decision-facts.js'

/** A finding as far as a decision about it goes. */
export interface DecidableFinding {
  readonly findingId: string
  readonly imageId: number
  readonly decision: DecisionRow | null
  /** Number of the decision's last change; 0 when there has been none. */
  readonly version: number
}

/** What a VEX document says of a finding. */
export interface StatementRow {
  document_id: string
  author: string | null
  status: DecisionStatus
  justification: Justification | null
  impact_statement: string | null
  comment: string | null
  original: OriginalDecision
  at: Date
  is_trusted: boolean
}

const shownEvents = 100

/** Reads decisions. They are written by `DecisionStore`. */
@Injectable()
export class DecisionsRepository {
  constructor(private readonly database: Database) {}

  /** Keeps the switch of a re-match out until the end of the transaction: it changes findings of images without locking them. */
  async holdSwitch(tx: Transaction): Promise<void> {
    await tx.query('select pg_advisory_xact_lock_shared(7236451110)')
  }

  /** Ids of the findings that exist and that the caller may see, with their images. */
  async locate(tx: Transaction, findingIds: readonly string[], scope: VisibleRepositories): Promise<Map<string, number>> {
    const found = await rows<{ id: string; image_id: string }>(
      tx,
      `select f.id, f.image_id from finding f where f.id = any ($1::uuid[]) and ${visible('f.image_id', 2)}`,
      [plainArray(findingIds), scope],
    )
    return new Map(found.map((row) => [row.id, Number(row.image_id)]))
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

  /** Where a finding that the caller may see stands; null when there is none. */
  async placeOf(findingId: string, scope: VisibleRepositories): Promise<{ digest: string; references: string[] } | null> {
    return oneRow(
      this.database.runner,
      `select i.digest, array(select distinct case r.tag when '' then r.repository || '@' || i.digest else r.repository || ':' || r.tag end
                from image_reference r where r.image_id = i.id and r.until is null and ($2::text[] is null or r.repository like any ($2::text[])) order by 1 limit 20) as "references"
         from finding f join image i on i.id = f.image_id where f.id = $1 and ${visible('i.id', 2)}`,
      [findingId, scope],
    )
  }

  /** Changes of a finding's decision, newest first. */
  async history(findingId: string): Promise<DecisionEventRow[]> {
    return rows(
      this.database.runner,
      `select e.kind, ${decisionColumns('e')} from finding_decision_event e where e.finding_id = $1 order by e.version desc limit ${shownEvents}`,
      [findingId],
    )
  }

  async current(findingId: string): Promise<DecisionRow | null> {
    return oneRow(this.database.runner, `select ${decisionColumns('d')} from finding_decision d where d.finding_id = $1`, [findingId])
  }

  /** What VEX documents say of a finding, newest first. */
  async statements(findingId: string): Promise<StatementRow[]> {
    return rows(
      this.database.runner,
      `select s.document_id, d.author, s.status, s.justification, s.impact_statement, s.comment, s.original, s.at, m.is_trusted
         from vex_match m join vex_statement s on s.id = m.statement_id join vex_document d on d.id = s.document_id
        where m.finding_id = $1 and d.state <> 'removing' order by s.at desc, d.uploaded_at desc, s.position desc limit ${shownEvents}`,
      [findingId],
    )
  }

  /** Findings whose decision is over. */
  async expired(at: Date, limit: number): Promise<{ findingId: string; imageId: number }[]> {
    const found = await rows<{ finding_id: string; image_id: string }>(
      this.database.runner,
      'select finding_id, image_id from finding_decision where until <= $1 order by image_id, finding_id limit $2',
      [at, limit],
    )
    return found.map((row) => ({ findingId: row.finding_id, imageId: Number(row.image_id) }))
  }
}
