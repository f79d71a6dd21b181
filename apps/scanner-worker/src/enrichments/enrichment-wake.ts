import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common'
import { redisChannels } from '@pharos/contracts'
import { type Clock, InjectClock, InjectConfiguration, PharosLogger, subscribeRedis } from '@pharos/service-kit'
import type { WorkerConfiguration } from '../configuration.js'

/**
 * Says that there may be work. Messages of Redis may be lost, so nobody waits for them alone. Who finds work wakes the next
 * one: a message is followed by as many claims as there is work for, and not by one of each loop.
 */
@Injectable()
export class EnrichmentWake implements OnModuleInit, OnApplicationShutdown {
  private readonly waiting: (() => void)[] = []
  private missed = false
  private subscription: { close: () => void } | undefined

  constructor(
    private readonly logger: PharosLogger,
    @InjectClock() private readonly clock: Clock,
    @InjectConfiguration() private readonly configuration: WorkerConfiguration,
  ) {}

  onModuleInit(): void {
    this.subscription = subscribeRedis(this.configuration.redis.url, this.logger, {
      channel: redisChannels.enrichments,
      name: 'enrichment-wake',
      onMessage: () => this.one(),
      onConnected: () => this.one(),
    })
  }

  onApplicationShutdown(): void {
    this.subscription?.close()
  }

  /** Wakes one that waits, or the next that would. */
  one(): void {
    const next = this.waiting.shift()
    if (next === undefined) this.missed = true
    else next()
  }

  /** Resolves when woken, after the time, or when the signal is aborted. */
  async wait(longestMs: number, signal: AbortSignal): Promise<void> {
    if (this.missed || signal.aborted) {
      this.missed = false
      return
    }
    const woken = new AbortController()
    const wake = (): void => woken.abort()
    this.waiting.push(wake)
    await this.clock.sleep(longestMs, AbortSignal.any([woken.signal, signal])).catch(() => undefined)
    const position = this.waiting.indexOf(wake)
    if (position !== -1) this.waiting.splice(position, 1)
  }
}
