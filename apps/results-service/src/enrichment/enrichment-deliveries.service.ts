import { Injectable } from '@nestjs/common'
import { type EnrichmentAnswer, type EnrichmentResults, type EventBody, PharosError } from '@pharos/contracts'
import { type Clock, InjectClock } from '@pharos/service-kit'
import { rows } from '../database/sql.js'
import { Database, type Transaction } from '../database/transaction.js'
import { EventLog } from '../events/event-log.js'
import { plainArray } from '../ingest/array-parameter.js'
import { originalText, storedText } from '../inventory/stored-text.js'
import { type ContextChange, changesOf } from './context-changes.js'
import { EnrichedContextStore, type SubjectChanges } from './enriched-context-store.js'
import { EnricherRecordStore } from './enricher-record-store.js'
import { EnricherRequestRepository } from './enricher-request.repository.js'
import { EnricherRunRepository, type NewDifference, type RunProgress } from './enricher-run.repository.js'
import { EnricherSetRepository } from './enricher-set.repository.js'
import type { ChunkCredential } from './enrichment-claims.service.js'
import { type HeldWork, type LockedChunk, WorkQueue } from './work-queue.js'

type SubjectResult = Extract<EnrichmentResults, { kind: 'subjects' }>['subjects'][number]
type CheckedResult = Extract<EnrichmentResults, { kind: 'validate' }>

/** Names of enrichers that others have: submitted contexts are owned by submit. */
const takenNames: ReadonlySet<string> = new Set(['submit'])

interface SubjectRow {
  id: string
  serial: string
  digest: string
  key: string
}

/** What is kept of a delivery. */
@Injectable()
export class DeliveryStores {
  constructor(
    readonly contexts: EnrichedContextStore,
    readonly runs: EnricherRunRepository,
    readonly records: EnricherRecordStore,
    readonly requests: EnricherRequestRepository,
    readonly sets: EnricherSetRepository,
  ) {}
}

/** Takes in what workers have made of their chunks. */
@Injectable()
export class EnrichmentDeliveriesService {
  constructor(
    private readonly database: Database,
    private readonly queue: WorkQueue,
    private readonly stores: DeliveryStores,
    private readonly events: EventLog,
    @InjectClock() private readonly clock: Clock,
  ) {}

  /**
   * Stores outcomes, all of a chunk or some. Twice changes nothing. Throws `attempt-superseded` when the chunk is no longer the
   * worker's: its lease was lost, its run cancelled, or another set is active; and `report-invalid` for results of another kind.
   */
  async deliver({ chunkId, token }: ChunkCredential, results: EnrichmentResults): Promise<EnrichmentAnswer> {
    return this.database.inTransaction(async (tx) => {
      const chunk = await this.queue.lock(tx, chunkId, token)
      if (chunk === null) throw new PharosError('attempt-superseded', 'This work is no longer yours.')
      if (chunk.kind !== results.kind) throw new PharosError('report-invalid', 'The results are of another kind than the chunk.')
      if (chunk.state === 'done') return { outcome: 'already-stored', remaining: 0 }
      if (results.kind === 'subjects') return this.storeSubjects(tx, chunk, results.subjects)
      const { requestId } = chunk
      if (requestId === null) throw new PharosError('internal-error', 'A chunk has no request.')
      if (results.kind === 'validate') await this.storeCheck(tx, requestId, results)
      else await this.stores.requests.end(tx, requestId, 'done', { problems: results.problems, outcomes: results.outcomes })
      await this.queue.end(tx, chunkId)
      return { outcome: 'stored', remaining: 0 }
    })
  }

  private async storeCheck(tx: Transaction, requestId: string, results: CheckedResult): Promise<void> {
    const problems = [...results.problems]
    for (const { name } of results.enrichers.filter(({ name: given }) => takenNames.has(given)))
      problems.push({ file: '', message: `The name ${name} is taken by submitted contexts: give the enricher another one.` })
    const request = await this.stores.requests.find(tx, requestId)
    if (request?.set_id) await this.stores.sets.keepCheck(tx, request.set_id, { ...results, problems })
    await this.stores.requests.end(tx, requestId, 'done', { problems })
  }

  private async storeSubjects(tx: Transaction, chunk: LockedChunk, delivered: readonly SubjectResult[]): Promise<EnrichmentAnswer> {
    const results = new Map(delivered.map((result) => [result.subject, result]))
    const held = await this.queue.held(tx, chunk.id, [...results.keys()])
    const { setId } = chunk
    if (setId === null) throw new PharosError('internal-error', 'A chunk has no set.')
    const run = chunk.runId === null ? null : await this.stores.runs.lock(tx, chunk.runId)
    const subjects = await this.lockSubjects(tx, held)
    const good = held.flatMap(({ subject }) => {
      const outcomes = results.get(subject)?.outcomes ?? null
      return outcomes === null ? [] : [{ subject, outcomes }]
    })
    const stored = await this.stores.contexts.load(
      tx,
      good.map(({ subject }) => subject),
    )
    const changed = good.map(({ subject, outcomes }) => ({ subject, outcomes, changes: changesOf(stored.get(subject) ?? [], outcomes) }))
    if (run?.kind !== 'compare') {
      // A payload that was read earlier than one whose outcomes are stored says nothing new.
      const newest = changed.filter(({ subject }) => Number(subjects.get(subject)?.serial ?? 0) <= chunk.serial)
      await this.keep(tx, { setId, serial: chunk.serial }, newest, subjects)
      await this.stores.records.add(
        tx,
        setId,
        this.clock.now(),
        newest.map(({ subject, outcomes }) => ({ ...placeOf(subjects, subject), outcomes })),
      )
      await this.noteProblems(tx, held, results)
    }
    const failed = held.length - good.length
    if (run !== null) await this.count(tx, run.id, changed, failed)
    else await this.countForActivation(tx, setId, changed)
    return { outcome: 'stored', remaining: await this.queue.finish(tx, chunk.id, held) }
  }

  private async lockSubjects(tx: Transaction, held: readonly HeldWork[]): Promise<Map<number, SubjectRow>> {
    const found = await rows<SubjectRow>(
      tx,
      `select s.id, s.serial, i.digest, s.key from enrichment_subject s join image i on i.id = s.image_id where s.id = any ($1::int8[]) order by s.id for no key update of s`,
      [plainArray(held.map(({ subject }) => subject))],
    )
    return new Map(found.map((row) => [Number(row.id), row]))
  }

  private async keep(
    tx: Transaction,
    made: { setId: string; serial: number },
    changed: readonly SubjectChanges[],
    subjects: ReadonlyMap<number, SubjectRow>,
  ): Promise<void> {
    const at = this.clock.now()
    await this.stores.contexts.apply(tx, { setId: made.setId, at }, changed)
    await tx.query('update enrichment_subject set set_id = $2, serial = $3, enriched_at = $4, problem = null where id = any ($1::int8[])', [
      plainArray(changed.map(({ subject }) => subject)),
      made.setId,
      made.serial,
      at,
    ])
    await this.events.append(
      tx,
      changed.flatMap(({ subject, changes }): EventBody[] => {
        const owners = changes.filter(hasMoved).map(({ owner }) => owner)
        return owners.length === 0 ? [] : [{ type: 'contexts.changed', ...placeOf(subjects, subject), owners }]
      }),
    )
  }

  private async noteProblems(tx: Transaction, held: readonly HeldWork[], results: ReadonlyMap<number, SubjectResult>): Promise<void> {
    const bad = held.filter(({ subject }) => results.get(subject)?.outcomes === null)
    for (const { subject } of bad)
      await tx.query('update enrichment_subject set problem = $2 where id = $1', [
        subject,
        storedText(results.get(subject)?.reason ?? 'The enrichers could not be run.'),
      ])
  }

  private async count(tx: Transaction, runId: string, changed: readonly SubjectChanges[], failed: number): Promise<void> {
    await this.stores.runs.add(tx, runId, progressOf(changed, failed))
    await this.stores.runs.keepDifferences(tx, runId, changed.flatMap(differencesOf))
  }

  /** What was due by itself need not be done again by the activation of the same set. */
  private async countForActivation(tx: Transaction, setId: string, changed: readonly SubjectChanges[]): Promise<void> {
    const activation = await this.stores.runs.activation(tx)
    if (activation?.set_id !== setId || changed.length === 0) return
    const spared = await rows<{ subject_id: string }>(
      tx,
      'delete from enrichment_work where run_id = $1 and chunk_id is null and subject_id = any ($2::int8[]) returning subject_id',
      [activation.id, plainArray(changed.map(({ subject }) => subject))],
    )
    const ids = new Set(spared.map(({ subject_id }) => Number(subject_id)))
    const counted = changed.filter(({ subject }) => ids.has(subject))
    if (counted.length > 0) await this.count(tx, activation.id, counted, 0)
  }
}

function placeOf(subjects: ReadonlyMap<number, SubjectRow>, subject: number): { digest: string; key: string } {
  const found = subjects.get(subject)
  if (found === undefined) throw new PharosError('internal-error', 'A subject of a chunk is gone while its work is held.')
  return { digest: found.digest, key: originalText(found.key) }
}

const hasMoved = ({ kind }: ContextChange): boolean => kind === 'added' || kind === 'changed' || kind === 'removed'

function differencesOf({ subject, changes }: SubjectChanges): NewDifference[] {
  return changes.flatMap(({ kind, owner, before, after, error }) =>
    kind === 'unchanged' ? [] : [{ subject, kind, owner, before, after, error }],
  )
}

function progressOf(changed: readonly SubjectChanges[], failed: number): RunProgress {
  const all = changed.flatMap(({ changes }) => changes)
  const count = (wanted: ContextChange['kind']): number => all.filter(({ kind }) => kind === wanted).length
  return {
    done: changed.length + failed,
    failed,
    added: count('added'),
    changed: count('changed'),
    removed: count('removed'),
    unchanged: count('unchanged'),
    errors: count('failed'),
  }
}
