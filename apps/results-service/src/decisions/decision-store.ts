import { Injectable } from '@nestjs/common'
import { type DecisionEvent, type EventBody, suppressingStatuses } from '@pharos/contracts'
import { rows } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { EventLog } from '../events/event-log.js'
import { publicFindingId } from '../findings/finding-identity.js'
import { SummaryStore } from '../findings/summary-store.js'
import { plainArray, textArray } from '../ingest/array-parameter.js'
import { engineOf } from '../inventory/column-codes.js'
import { storedText } from '../inventory/stored-text.js'
import { shareIngest } from '../rematches/ingest-lock.js'
import type { DecisionFacts, NoDecision } from './decision-facts.js'

/** One change of a finding's decision. */
export interface DecisionChange {
  /** Its row's id (UUID). */
  readonly findingId: string
  readonly kind: DecisionEvent['kind']
  /** With the status null there is no decision any more; the comment may say why. */
  readonly facts: DecisionFacts | NoDecision
  readonly source: 'triage' | 'vex'
  /** Of a decision by VEX. */
  readonly statement: { readonly id: string; readonly documentId: string } | null
  /** Id of a principal. */
  readonly by: string
}

interface ChangedFinding {
  digest: string
  engine: number
  finding_id: string
  status: string | null
  source: 'triage' | 'vex'
  kind: DecisionEvent['kind']
  /** null: the change made no difference to it. */
  suppressed: boolean | null
  is_open: boolean
}

const suppressing = [...suppressingStatuses].map((status) => `'${status}'`).join(', ')
const idsInEvent = 100

const decisionColumnNames =
  'finding_id, image_id, version, status, justification, impact_statement, comment, response, source, document_id, statement_id, original, decided_by, decided_at, until'

/** Decisions about findings, with their history: rows of both are written here alone, under the locks of their images. */
@Injectable()
export class DecisionStore {
  constructor(
    private readonly summaries: SummaryStore,
    private readonly events: EventLog,
  ) {}

  /**
   * Keeps the switch of a re-match out until the end of the transaction, since it changes findings without locking their images one by one.
   * Comes before any lock of an image.
   */
  async holdSwitch(tx: Transaction): Promise<void> {
    await shareIngest(tx)
  }

  /** Locks the images whose findings are to be decided about: what is read of them afterwards holds until the end of the transaction. */
  async lockImages(tx: Transaction, imageIds: readonly number[]): Promise<void> {
    await this.holdSwitch(tx)
    await this.summaries.lockImages(tx, imageIds)
  }

  /**
   * Writes changes with their history, suppresses findings or takes that back, and recounts and announces what that changed. The caller
   * has locked the images and says nothing of findings that do not change.
   */
  async write(tx: Transaction, changes: readonly DecisionChange[], at: Date): Promise<void> {
    if (changes.length === 0) return
    const eventIds = plainArray(await this.insertEvents(tx, changes, at))
    await tx.query(
      `delete from finding_decision d using finding_decision_event e where e.id = any ($1::int8[]) and d.finding_id = e.finding_id and e.status is null`,
      [eventIds],
    )
    await tx.query(
      `insert into finding_decision (${decisionColumnNames})
       select ${decisionColumnNames} from finding_decision_event where id = any ($1::int8[]) and status is not null order by finding_id
       on conflict (finding_id) do update set ${decisionColumnNames
         .split(', ')
         .slice(1)
         .map((column) => `${column} = excluded.${column}`)
         .join(', ')}`,
      [eventIds],
    )
    const changed = await this.suppress(tx, eventIds)
    await this.announce(tx, changed)
  }

  private async insertEvents(tx: Transaction, changes: readonly DecisionChange[], at: Date): Promise<string[]> {
    const text = (of: (change: DecisionChange) => string | null | undefined): Buffer =>
      textArray(changes.map((change) => of(change) ?? null))
    const inserted = await rows<{ id: string }>(
      tx,
      `insert into finding_decision_event (kind, ${decisionColumnNames})
       select t.k, f.id, f.image_id, coalesce((select max(version) from finding_decision_event e where e.finding_id = f.id), 0) + 1,
              t.s, t.j, t.i, t.c, array(select json_array_elements_text(t.r::json)), t.so, t.d, t.st, t.o::json, t.b, $1, t.u::timestamptz
         from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::uuid[], $11::int8[], $12::text[], $13::text[], $14::text[])
              as t(f, k, s, j, i, c, r, so, d, st, o, b, u)
         join finding f on f.id = t.f order by f.id returning id`,
      [
        at,
        plainArray(changes.map(({ findingId }) => findingId)),
        text(({ kind }) => kind),
        text(({ facts }) => facts.status),
        text(({ facts }) => facts.justification),
        text(({ facts }) => facts.impactStatement && storedText(facts.impactStatement)),
        text(({ facts }) => facts.comment && storedText(facts.comment)),
        text(({ facts }) => JSON.stringify(facts.response)),
        text(({ source }) => source),
        plainArray(changes.map(({ statement }) => statement?.documentId ?? null)),
        plainArray(changes.map(({ statement }) => statement?.id ?? null)),
        text(({ facts }) => facts.original && JSON.stringify(facts.original)),
        text(({ by }) => storedText(by)),
        text(({ facts }) => facts.until?.toISOString()),
      ],
    )
    return inserted.map(({ id }) => id)
  }

  /** Suppresses what is decided so, takes it back where it no longer is, and recounts the images in which that shows. */
  private async suppress(tx: Transaction, eventIds: string): Promise<ChangedFinding[]> {
    const changed = await rows<ChangedFinding & { image_id: string }>(
      tx,
      `with decided as (
         select e.finding_id, e.image_id, e.status, e.source, e.kind, coalesce(e.status in (${suppressing}), false) as suppressed
           from finding_decision_event e where e.id = any ($1::int8[])),
       turned as (
         update finding f set is_suppressed = d.suppressed from decided d where f.id = d.finding_id and f.is_suppressed <> d.suppressed returning f.id)
       select i.digest, f.engine, f.is_open, d.image_id, d.finding_id, d.status, d.source, d.kind, case when t.id is not null then d.suppressed end as suppressed
         from decided d join finding f on f.id = d.finding_id join image i on i.id = d.image_id left join turned t on t.id = d.finding_id
        order by i.id, f.engine, f.id`,
      [eventIds],
    )
    const images = new Set(changed.filter(({ suppressed, is_open }) => suppressed !== null && is_open).map((row) => Number(row.image_id)))
    await this.summaries.recount(tx, [...images])
    return changed
  }

  private async announce(tx: Transaction, changed: readonly ChangedFinding[]): Promise<void> {
    const decided = groupBy(changed, ({ digest, status, source, kind }) => JSON.stringify([digest, status, source, kind]))
    const turned = groupBy(
      changed.filter(({ suppressed, is_open }) => suppressed !== null && is_open),
      ({ digest, engine, source }) => JSON.stringify([digest, engine, source]),
    )
    await this.events.append(tx, [
      ...decided.map(
        ([first, group]): EventBody => ({
          type: 'finding.decided',
          digest: first.digest,
          status: first.status as Extract<EventBody, { type: 'finding.decided' }>['status'],
          change: first.kind,
          source: first.source,
          count: group.length,
          findingIds: group.slice(0, idsInEvent).map(({ finding_id }) => publicFindingId('f', finding_id)),
        }),
      ),
      ...turned.map(
        ([first, group]): EventBody => ({
          type: 'findings.changed',
          digest: first.digest,
          engine: engineOf(first.engine),
          appeared: group.filter(({ suppressed }) => suppressed === false).length,
          gone: group.filter(({ suppressed }) => suppressed === true).length,
          cause: first.source === 'vex' ? 'vex' : 'decision',
        }),
      ),
    ])
  }
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): [T, T[]][] {
  const groups = new Map<string, [T, T[]]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group === undefined) groups.set(keyOf(item), [item, [item]])
    else group[1].push(item)
  }
  return [...groups.values()]
}
