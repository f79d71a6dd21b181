import { Injectable, type OnApplicationShutdown } from '@nestjs/common'
import { createEnricherRunner, type EnricherRunner } from '@pharos/enrichers'
import { type Clock, InjectClock, InjectConfiguration } from '@pharos/service-kit'
import type { WorkerConfiguration } from '../configuration.js'
import { EnrichmentMetrics } from './enrichment-metrics.js'

/** The engines that run scripts. Their memory is given back when there has been no work for a while. */
@Injectable()
export class EnricherSandbox implements OnApplicationShutdown {
  private kept: EnricherRunner | undefined
  private making: Promise<EnricherRunner> | undefined

  constructor(
    private readonly metrics: EnrichmentMetrics,
    @InjectClock() private readonly clock: Clock,
    @InjectConfiguration() private readonly configuration: WorkerConfiguration,
  ) {}

  /** @throws BridgeUnavailableError where the engines are not built */
  async runner(): Promise<EnricherRunner> {
    if (this.kept !== undefined) return this.kept
    this.making ??= this.make().finally(() => {
      this.making = undefined
    })
    return this.making
  }

  /** Tells the metrics what the engines have counted. */
  count(): void {
    this.metrics.sandboxCounted(this.kept?.stats())
  }

  /** Ends the engines. Whoever runs a script meanwhile sees it fail. */
  async rest(): Promise<void> {
    const { kept } = this
    if (kept === undefined) return
    this.count()
    this.kept = undefined
    this.count()
    await kept.close()
  }

  async onApplicationShutdown(): Promise<void> {
    await this.making?.catch(() => undefined)
    await this.rest()
  }

  private async make(): Promise<EnricherRunner> {
    const { workers, timeoutMs, memoryBytes, steps, outputBytes, httpAllow, allowInternal } = this.configuration.enrichers
    this.kept = await createEnricherRunner({
      workers,
      timeoutMs,
      memoryMb: Math.floor(memoryBytes / 1024 ** 2),
      steps,
      maxOutputBytes: outputBytes,
      now: () => this.clock.nowMs(),
      ...(httpAllow.length === 0 ? {} : { http: { allow: httpAllow, allowInternal } }),
    })
    return this.kept
  }
}
