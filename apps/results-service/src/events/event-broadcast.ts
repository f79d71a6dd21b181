import { Injectable } from '@nestjs/common'
import { redisChannels, type TaskChanged } from '@pharos/contracts'
import { InjectRedis, PharosLogger, type RedisClient } from '@pharos/service-kit'

/** Tells everybody over Redis that something changed. Only a wake-up: the truth is in the rows, and a lost message does no harm. */
@Injectable()
export class EventBroadcast {
  private isEventWakePending = false
  private isEnrichmentWakePending = false
  private pendingTasks: TaskChanged[] = []

  constructor(
    @InjectRedis() private readonly redis: RedisClient,
    private readonly logger: PharosLogger,
  ) {}

  /** Wakes the consumers of the event log; calls of one turn of the event loop become one message. */
  eventsWritten(): void {
    if (this.isEventWakePending) return
    this.isEventWakePending = true
    setImmediate(() => {
      this.isEventWakePending = false
      this.settle(this.redis.publish(redisChannels.events, ''))
    })
  }

  /** Wakes the workers that run enrichers; calls of one turn of the event loop become one message. */
  enrichmentDue(): void {
    if (this.isEnrichmentWakePending) return
    this.isEnrichmentWakePending = true
    setImmediate(() => {
      this.isEnrichmentWakePending = false
      this.settle(this.redis.publish(redisChannels.enrichments, ''))
    })
  }

  /** Tells the gateways which tasks changed. */
  tasksChanged(changes: readonly TaskChanged[]): void {
    if (changes.length === 0) return
    if (this.pendingTasks.length === 0) setImmediate(() => this.flushTasks())
    this.pendingTasks.push(...changes)
  }

  private flushTasks(): void {
    const pipeline = this.redis.pipeline()
    for (const { id, version, state } of this.pendingTasks) pipeline.publish(redisChannels.tasks, JSON.stringify({ id, version, state }))
    this.pendingTasks = []
    this.settle(pipeline.exec())
  }

  private settle(sent: Promise<unknown>): void {
    sent.catch((error: unknown) => this.logger.warn('broadcast failed', { error }))
  }
}
