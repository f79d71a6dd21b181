import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common'
import { redisChannels, TaskChanged } from '@pharos/contracts'
import { InjectConfiguration, PharosLogger, subscribeRedis } from '@pharos/service-kit'
import type { GatewayConfiguration } from '../configuration.js'

/**
 * News that tasks have changed, from the broadcast in Redis. News may be lost (Redis restarts, a connection breaks):
 * who waits reads the task itself and looks again from time to time.
 */
@Injectable()
export class TaskNewsService implements OnModuleInit, OnModuleDestroy {
  private readonly listeners = new Map<string, Set<() => void>>()
  private subscriber: { close: () => void } | undefined

  constructor(
    @InjectConfiguration() private readonly configuration: GatewayConfiguration,
    private readonly logger: PharosLogger,
  ) {}

  onModuleInit(): void {
    this.subscriber = subscribeRedis(this.configuration.redis.url, this.logger, {
      channel: redisChannels.tasks,
      name: 'task-news',
      onMessage: (text) => this.receive(text),
      onConnected: () => this.wakeAll(),
    })
  }

  onModuleDestroy(): void {
    this.subscriber?.close()
  }

  /** Calls `listener` at news of the task until the answer is called. */
  listen(taskId: string, listener: () => void): () => void {
    const listeners = this.listeners.get(taskId) ?? new Set()
    this.listeners.set(taskId, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0) this.listeners.delete(taskId)
    }
  }

  private receive(text: string): void {
    const id = taskIdOf(text)
    if (id === null) this.logger.warn('task news unreadable', { length: text.length })
    else for (const listener of this.listeners.get(id) ?? []) listener()
  }

  /** After a pause anything may have happened. */
  private wakeAll(): void {
    for (const listeners of this.listeners.values()) for (const listener of listeners) listener()
  }
}

function taskIdOf(text: string): string | null {
  try {
    return TaskChanged.parse(JSON.parse(text)).id
  } catch {
    // Another version may say it otherwise; waiting requests look at the task by themselves.
    return null
  }
}
