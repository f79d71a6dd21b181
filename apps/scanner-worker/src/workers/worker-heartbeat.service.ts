import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common'
import { type Clock, InjectClock, InjectConfiguration, PharosLogger } from '@pharos/service-kit'
import type { WorkerConfiguration } from '../configuration.js'
import { EngineTools } from '../engines/engine-tools.js'
import { ResultsClient } from '../results/results.client.js'
import { SlotPool } from '../slots/slot-pool.js'
import { WorkerIdentity } from './worker-identity.js'

/** Tells results-service again and again that this worker is here and what it can do: for people to see, nothing depends on it. */
@Injectable()
export class WorkerHeartbeatService implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly end = new AbortController()
  private isUnheard = false

  constructor(
    private readonly results: ResultsClient,
    private readonly tools: EngineTools,
    private readonly slots: SlotPool,
    private readonly identity: WorkerIdentity,
    private readonly logger: PharosLogger,
    @InjectClock() private readonly clock: Clock,
    @InjectConfiguration() private readonly configuration: WorkerConfiguration,
  ) {}

  onApplicationBootstrap(): void {
    void this.beat()
  }

  onModuleDestroy(): void {
    this.end.abort()
  }

  private async beat(): Promise<void> {
    while (!this.end.signal.aborted) {
      await this.tell()
      await this.clock.sleep(this.configuration.worker.heartbeatMs, this.end.signal).catch(() => undefined)
    }
  }

  private async tell(): Promise<void> {
    try {
      await this.tools.lookAgain()
      await this.results.heartbeat({
        workerId: this.identity.id,
        version: this.identity.version,
        slots: this.slots.total,
        busy: this.slots.busy(),
        engines: this.tools.capabilities,
      })
      if (this.isUnheard) this.logger.info('heartbeat regained')
      this.isUnheard = false
    } catch (error) {
      if (!this.isUnheard) this.logger.warn('heartbeat unheard', { error })
      this.isUnheard = true
    }
  }
}
