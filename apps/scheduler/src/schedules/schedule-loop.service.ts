import { hostname } from 'node:os'
import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common'
import { type ClaimedSchedule, PharosError, type Schedule } from '@pharos/contracts'
import { type Clock, InjectClock, InjectConfiguration, Metrics, PharosLogger } from '@pharos/service-kit'
import type { SchedulerConfiguration } from '../configuration.js'
import { DatabaseUpdateService } from '../databases/database-update.service.js'
import { ExpiryService } from '../expiry/expiry.service.js'
import { RescanService } from '../rescans/rescan.service.js'
import { ResultsClient } from '../results/results.client.js'
import { repeatRounds } from '../rounds/repeat-rounds.js'
import { WatchService } from '../watches/watch.service.js'

/** Runs one kind of schedule; answers one sentence on what came of it. */
type ScheduleRunner = (claimed: ClaimedSchedule, signal: AbortSignal) => Promise<string>

/** What the loop needs beside the services that it runs. */
@Injectable()
export class ScheduleLoopTools {
  constructor(
    @InjectConfiguration() readonly configuration: SchedulerConfiguration,
    @InjectClock() readonly clock: Clock,
    readonly logger: PharosLogger,
    readonly metrics: Metrics,
  ) {}
}

/**
 * Claims due schedules and runs them. A claim is a lease: of many replicas one has it, and when that one dies another
 * gets it after the lease. What runs is idempotent, so that a run cut short is simply run again.
 */
@Injectable()
export class ScheduleLoopService implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly stopping = new AbortController()
  private readonly running = new Set<Promise<void>>()
  private readonly runners: Readonly<Record<Schedule['kind'], ScheduleRunner>>
  private readonly schedulerId = `${hostname()}-${process.pid}`
  private readonly runs
  private loop: Promise<void> | undefined

  constructor(
    private readonly results: ResultsClient,
    rescans: RescanService,
    watches: WatchService,
    databases: DatabaseUpdateService,
    expiry: ExpiryService,
    private readonly tools: ScheduleLoopTools,
  ) {
    this.runners = {
      rescan: () => rescans.rescanOld(),
      watch: (claimed, signal) => watches.observe(claimed, signal),
      'database-update': (_claimed, signal) => databases.update(signal),
      expiry: () => expiry.expire(),
    }
    this.runs = tools.metrics.counter({
      name: 'pharos_scheduler_runs_total',
      help: 'Runs of schedules by kind and outcome.',
      labels: ['kind', 'outcome'],
    })
  }

  onApplicationBootstrap(): void {
    this.loop = this.run()
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping.abort()
    await this.loop
    await Promise.allSettled(this.running)
  }

  private run(): Promise<void> {
    const { clock, configuration, logger } = this.tools
    return repeatRounds({
      clock,
      intervalMs: configuration.schedules.claimIntervalMs,
      signal: this.stopping.signal,
      work: () => this.claim(),
      onFailure: (error) => logger.warn('scheduler claim failed', { error }),
    })
  }

  private async claim(): Promise<void> {
    const room = this.tools.configuration.schedules.claimLimit - this.running.size
    if (room <= 0) return
    const kinds = Object.keys(this.runners) as Schedule['kind'][]
    const { items } = await this.results.claimSchedules({ schedulerId: this.schedulerId, kinds, limit: room })
    for (const claimed of items) {
      const work: Promise<void> = this.runOne(claimed).finally(() => this.running.delete(work))
      this.running.add(work)
    }
  }

  private async runOne(claimed: ClaimedSchedule): Promise<void> {
    const { schedule, leaseToken } = claimed
    const { logger } = this.tools
    try {
      const outcome = await this.runners[schedule.kind](claimed, this.stopping.signal)
      await this.results.finishSchedule(schedule.id, { leaseToken, outcome })
      this.runs.inc({ kind: schedule.kind, outcome: 'done' })
      logger.info('schedule done', { schedule: schedule.id, kind: schedule.kind, outcome })
    } catch (error) {
      this.runs.inc({ kind: schedule.kind, outcome: 'failed' })
      const detail = error instanceof PharosError ? `${error.code}: ${error.detail}` : 'internal-error'
      logger.warn('schedule failed', { schedule: schedule.id, kind: schedule.kind, error })
      await this.giveBack(schedule.id, leaseToken, detail)
    }
  }

  private async giveBack(id: string, leaseToken: string, outcome: string): Promise<void> {
    try {
      await this.results.finishSchedule(id, { leaseToken, outcome: outcome.slice(0, 500), isFailure: true })
    } catch (error) {
      // The lease ends by itself, and the schedule is due again.
      this.tools.logger.warn('schedule left to its lease', { schedule: id, error })
    }
  }
}
