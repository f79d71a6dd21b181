import { Injectable } from '@nestjs/common'
import {
  type ContextDifference,
  type EnricherRun,
  type EnricherRunDetail,
  type ListContextDifferences,
  type PageQuery,
  PharosError,
  type Principal,
} from '@pharos/contracts'
import { type Clock, InjectClock } from '@pharos/service-kit'
import { type VisibleRepositories, visibleRepositories } from '../access/repository-scope.js'
import { AuditLog } from '../audit/audit-log.js'
import { decodeCursor, type Page, pageOfRows } from '../database/keyset.js'
import { afterCommit, Database, type Transaction } from '../database/transaction.js'
import { EventBroadcast } from '../events/event-broadcast.js'
import { stopIngest } from '../rematches/ingest-lock.js'
import { followAll, holdActivation } from './due-subjects.js'
import { differenceOf, EnricherRunRepository, enricherRunOf } from './enricher-run.repository.js'
import { type EnricherSetRow, EnricherSetRepository } from './enricher-set.repository.js'
import { WorkQueue } from './work-queue.js'

const sampleCount = 20

/** What steers runs. */
@Injectable()
export class EnricherRunTools {
  constructor(
    readonly sets: EnricherSetRepository,
    readonly runs: EnricherRunRepository,
    readonly queue: WorkQueue,
    readonly audit: AuditLog,
    readonly broadcast: EventBroadcast,
  ) {}
}

/** Runs of sets over the fleet: activation and comparison. */
@Injectable()
export class EnricherRunsService {
  constructor(
    private readonly database: Database,
    private readonly tools: EnricherRunTools,
    @InjectClock() private readonly clock: Clock,
  ) {}

  /** Newest first. */
  async list(query: PageQuery): Promise<Page<EnricherRun>> {
    const list = { list: 'enricher-runs', sort: '' }
    const [after = null] = decodeCursor(list, query.cursor, ['uuid']) ?? []
    const found = await this.tools.runs.list(this.database.runner, after, query.limit + 1)
    return pageOfRows(
      list,
      found,
      query.limit,
      ({ id }) => [id],
      (row) => enricherRunOf(row, this.clock.now()),
    )
  }

  /** Throws `not-found`. */
  async get(id: string, principal: Principal): Promise<EnricherRunDetail> {
    const run = await this.read(id)
    const asked = { runId: id, owner: null, kind: null, scope: visibleRepositories(principal) }
    const samples = await this.tools.runs.differences(this.database.runner, asked, null, sampleCount)
    return { ...run, samples: samples.map(differenceOf) }
  }

  /** Those that the caller may see, in the order in which they were found. Throws `not-found`. */
  async differences(id: string, query: ListContextDifferences, scope: VisibleRepositories): Promise<Page<ContextDifference>> {
    await this.read(id)
    const list = { list: 'context-differences', sort: JSON.stringify([id, query.owner, query.kind]) }
    const [after = null] = decodeCursor(list, query.cursor, ['int']) ?? []
    const asked = { runId: id, owner: query.owner ?? null, kind: query.kind ?? null, scope }
    const found = await this.tools.runs.differences(this.database.runner, asked, after, query.limit + 1)
    return pageOfRows(list, found, query.limit, (row) => [row.id], differenceOf)
  }

  /**
   * Makes a set the active one and has it run over all subjects in the background; what becomes due from now on gets its contexts at
   * once. What workers hold of the former set is refused when it comes in. Throws `not-found`, and `conflict` for a set that cannot be activated.
   */
  async activate(setId: string, principal: Principal): Promise<EnricherRun> {
    return this.begin(principal, 'activate', setId, async (tx, set) => {
      if (set.state === 'active') throw new PharosError('conflict', 'This set is the active one already.')
      const former = await this.tools.sets.active(tx)
      await this.tools.sets.activate(tx, set.id, this.clock.now())
      await this.tools.queue.dissolveAll(tx, 'contexts')
      const running = await this.tools.runs.activation(tx)
      if (running !== null) await this.tools.runs.end(tx, running.id, 'cancelled', 'Another set was activated.')
      return former?.id ?? null
    })
  }

  /** Runs a set over all subjects, and keeps only how its contexts would differ. Throws like `activate`. */
  async compare(setId: string, principal: Principal): Promise<EnricherRun> {
    return this.begin(principal, 'compare', setId, async (tx) => (await this.tools.sets.active(tx))?.id ?? null)
  }

  private async begin(
    principal: Principal,
    kind: EnricherRun['kind'],
    setId: string,
    prepare: (tx: Transaction, set: EnricherSetRow) => Promise<string | null>,
  ): Promise<EnricherRun> {
    return this.database.inTransaction(async (tx) => {
      // No image or workload may come in between: it would have no subject, and nobody would miss it.
      await stopIngest(tx)
      await holdActivation(tx)
      const set = await this.tools.sets.lock(tx, setId)
      if (set === null) throw new PharosError('not-found', 'There is no such set of enrichers.')
      if (set.state === 'checking') throw new PharosError('conflict', 'No worker has checked this set yet.')
      if (set.state === 'invalid') throw new PharosError('conflict', 'This set has mistakes.')
      const formerSetId = await prepare(tx, set)
      await followAll(tx)
      const id = await this.tools.runs.begin(tx, { kind, setId, formerSetId, by: principal.id })
      await this.tools.audit.record(tx, principal, {
        action: `enricher-set.${kind}`,
        subject: setId,
        detail: { run: id, version: set.version },
      })
      afterCommit(tx, () => this.tools.broadcast.enrichmentDue())
      return this.readIn(tx, id)
    })
  }

  /** Throws `not-found`, and `conflict` when it has ended. */
  async pause(id: string, isPaused: boolean, principal: Principal): Promise<EnricherRun> {
    return this.database.inTransaction(async (tx) => {
      const hadNotEnded = await this.tools.runs.steer(tx, id, isPaused ? 'paused' : 'running')
      const run = await this.readIn(tx, id)
      if (!hadNotEnded) throw ended()
      await this.tools.audit.record(tx, principal, { action: isPaused ? 'enricher-run.pause' : 'enricher-run.resume', subject: id })
      if (!isPaused) afterCommit(tx, () => this.tools.broadcast.enrichmentDue())
      return run
    })
  }

  /** Throws `not-found`, and `conflict` when it has ended. */
  async cancel(id: string, principal: Principal): Promise<EnricherRun> {
    return this.database.inTransaction(async (tx) => {
      await this.tools.queue.dissolveAll(tx, { runId: id })
      const hadNotEnded = await this.tools.runs.end(tx, id, 'cancelled', null)
      const run = await this.readIn(tx, id)
      if (!hadNotEnded) throw ended()
      await this.tools.audit.record(tx, principal, { action: 'enricher-run.cancel', subject: id })
      return run
    })
  }

  private read(id: string): Promise<EnricherRun> {
    return this.readIn(this.database.runner, id)
  }

  private async readIn(runner: Transaction, id: string): Promise<EnricherRun> {
    const row = await this.tools.runs.find(runner, id)
    if (row === null) throw new PharosError('not-found', 'There is no such run.')
    return enricherRunOf(row, this.clock.now())
  }
}

const ended = (): PharosError => new PharosError('conflict', 'This run has ended.')
