import { Injectable, type OnApplicationBootstrap } from '@nestjs/common'
import { InjectConfiguration, Metrics, PharosLogger } from '@pharos/service-kit'
import type { ResultsConfiguration } from '../configuration.js'
import { oneRow } from '../database/sql.js'
import { Database } from '../database/transaction.js'
import { EventBroadcast } from '../events/event-broadcast.js'
import { RepeatingWork } from '../upkeep/repeating-work.js'
import { EnricherRequestRepository } from './enricher-request.repository.js'
import { EnricherRunRepository } from './enricher-run.repository.js'
import { EnricherSetRepository } from './enricher-set.repository.js'
import { WorkQueue } from './work-queue.js'

const hourMs = 3_600_000
/** Runs that ended longer ago are not told of any more. */
const runAgeMs = 90 * 24 * hourMs

/** What the course of enrichment is made of. */
@Injectable()
export class EnrichmentCourseTools {
  constructor(
    readonly queue: WorkQueue,
    readonly requests: EnricherRequestRepository,
    readonly runs: EnricherRunRepository,
    readonly sets: EnricherSetRepository,
    readonly broadcast: EventBroadcast,
  ) {}
}

/**
 * Sees enrichment through: frees what lost workers hold, ends runs that have nothing left, keeps old sets within their number, and
 * wakes workers for work that a lost message has not told them of. Each replica looks; rows let one of them act.
 */
@Injectable()
export class EnrichmentCourseService implements OnApplicationBootstrap {
  constructor(
    private readonly database: Database,
    private readonly tools: EnrichmentCourseTools,
    private readonly work: RepeatingWork,
    private readonly logger: PharosLogger,
    private readonly metrics: Metrics,
    @InjectConfiguration() private readonly configuration: Pick<ResultsConfiguration, 'enrichment' | 'upkeep'>,
  ) {}

  onApplicationBootstrap(): void {
    this.metrics.gauge<'lane'>({
      name: 'pharos_enrichment_subjects',
      help: 'Subjects that wait for their enrichers: due by themselves, or reached by a run over the fleet.',
      labels: ['lane'],
      collect: async (gauge) => {
        const waiting = await this.waiting()
        gauge.set({ lane: 'due' }, waiting.due)
        gauge.set({ lane: 'run' }, waiting.run)
      },
    })
    this.metrics.gauge({
      name: 'pharos_enrichment_oldest_due_seconds',
      help: 'Age of the oldest subject that is due by itself; 0 without one.',
      collect: async (gauge) => gauge.set((await this.waiting()).oldest_seconds),
    })
    this.work.start({
      name: 'enrichment-course',
      intervalMs: this.configuration.upkeep.sweepIntervalMs,
      work: () => this.advance(),
    })
  }

  async advance(): Promise<void> {
    const { queue, requests, runs, sets, broadcast } = this.tools
    const ended = await this.database.inTransaction(async (tx) => {
      await queue.freeLapsed(tx)
      await queue.removeEnded(tx, hourMs)
      await requests.settle(tx, hourMs)
      return runs.endFinished(tx)
    })
    for (const run of ended) this.logger.info('enrichment finished', { run })
    if (ended.length > 0) {
      await this.database.inTransaction(async (tx) => {
        await runs.removeOld(tx, runAgeMs)
        await sets.removeOld(tx, this.configuration.enrichment.keptSets)
      })
    }
    if (await this.isAnythingOpen()) broadcast.enrichmentDue()
  }

  private async isAnythingOpen(): Promise<boolean> {
    const row = await oneRow<{ is_open: boolean }>(
      this.database.runner,
      `select exists (select from enrichment_work where run_id is null and chunk_id is null)
           or exists (select from enricher_run r where r.state = 'running' and exists (select from enrichment_work w where w.run_id = r.id and w.chunk_id is null))
           or exists (select from enricher_request where state = 'open' and chunk_id is null) as is_open`,
    )
    return row?.is_open ?? false
  }

  private async waiting(): Promise<{ due: number; run: number; oldest_seconds: number }> {
    const row = await oneRow<{ due: number; run: number; oldest_seconds: number }>(
      this.database.runner,
      `select count(*) filter (where run_id is null)::int as due, count(*) filter (where run_id is not null)::int as run,
              coalesce(extract(epoch from clock_timestamp() - min(due_at) filter (where run_id is null)), 0)::float8 as oldest_seconds from enrichment_work`,
    )
    return row ?? { due: 0, run: 0, oldest_seconds: 0 }
  }
}
