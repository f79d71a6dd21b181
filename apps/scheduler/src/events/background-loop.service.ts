import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common'
import { type Clock, InjectClock, InjectConfiguration, PharosLogger } from '@pharos/service-kit'
import type { SchedulerConfiguration } from '../configuration.js'
import { CandidateCheckService } from '../databases/candidate-check.service.js'
import { repeatRounds } from '../rounds/repeat-rounds.js'
import { EventConsumerService } from './event-consumer.service.js'

/** What is looked at in every round, beside the schedules: candidate databases and new events. */
@Injectable()
export class BackgroundLoopService implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly stopping = new AbortController()
  private loop: Promise<unknown> | undefined

  constructor(
    private readonly candidates: CandidateCheckService,
    private readonly events: EventConsumerService,
    private readonly logger: PharosLogger,
    @InjectConfiguration() private readonly configuration: SchedulerConfiguration,
    @InjectClock() private readonly clock: Clock,
  ) {}

  onApplicationBootstrap(): void {
    this.loop = Promise.all([
      this.repeat('candidate check', (signal) => this.candidates.checkAll(signal)),
      this.repeat('event consumption', () => this.events.consume()),
    ])
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping.abort()
    await this.loop
  }

  private repeat(name: string, work: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
    return repeatRounds({
      clock: this.clock,
      intervalMs: this.configuration.schedules.claimIntervalMs,
      signal: this.stopping.signal,
      work,
      onFailure: (error) => this.logger.warn('round failed', { round: name, error }),
    })
  }
}
