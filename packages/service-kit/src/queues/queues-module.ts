import { BullModule } from '@nestjs/bullmq'
import { type DynamicModule, Inject, Injectable, Module, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common'
import { DiscoveryModule } from '@nestjs/core'
import { queuePrefix } from '@pharos/contracts'
import { redisHealth } from '../health/health-checks.js'
import { HealthRegistry } from '../health/health-registry.js'
import { PharosLogger } from '../logging/pharos-logger.js'
import { checkEvictionPolicy } from './eviction-policy.js'
import { JobRunner } from './job-runner.js'
import { Quarantine } from './quarantine.js'
import { QueueErrorListener } from './queue-error-listener.js'
import { QUEUE_CONNECTION, type QueueConnection, QueueConnectionModule } from './queue-connection.js'
import { closeRedis, createRedis, REDIS, type RedisClient } from './redis-connection.js'

/** Where the queues are. */
export interface QueuesOptions {
  readonly redisUrl: string
  /** Prefix of BullMQ's keys; a test gives one of its own, in braces. */
  readonly prefix?: string
}

/** Watches over the shared connection: readiness, eviction policy, end. */
@Injectable()
class RedisSupervisor implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    @Inject(REDIS) private readonly redis: RedisClient,
    private readonly health: HealthRegistry,
    private readonly logger: PharosLogger,
  ) {}

  onApplicationBootstrap(): void {
    this.health.addCheck('redis', redisHealth(this.redis))
    // Not awaited: a Redis that is away at start is readiness's matter.
    checkEvictionPolicy(this.redis, this.logger).catch((error: unknown) => this.logger.warn('redis unchecked', { error }))
  }

  async onApplicationShutdown(): Promise<void> {
    await closeRedis(this.redis)
  }
}

/** Redis for a service: BullMQ's connection settings, the shared connection (`@InjectRedis()`), `JobRunner`, `Quarantine`. */
@Module({})
export class QueuesModule {
  static register(options: QueuesOptions): DynamicModule {
    const prefix = options.prefix ?? queuePrefix
    return {
      module: QueuesModule,
      global: true,
      imports: [
        DiscoveryModule,
        BullModule.forRootAsync({
          imports: [QueueConnectionModule.register(options.redisUrl)],
          inject: [QUEUE_CONNECTION],
          useFactory: (connection: QueueConnection) => ({ connection, prefix }),
        }),
      ],
      providers: [
        {
          provide: REDIS,
          inject: [PharosLogger],
          useFactory: (logger: PharosLogger) => createRedis(options.redisUrl, { role: 'commands', name: 'pharos', logger }),
        },
        { provide: Quarantine, inject: [REDIS], useFactory: (redis: RedisClient) => new Quarantine(redis, prefix) },
        RedisSupervisor,
        QueueErrorListener,
        JobRunner,
      ],
      exports: [REDIS, Quarantine, JobRunner],
    }
  }
}
