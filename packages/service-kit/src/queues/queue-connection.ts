import { Inject, Injectable, Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common'
import { Cluster } from 'ioredis'
import { PharosLogger } from '../logging/pharos-logger.js'
import { closeRedis, createRedis, redisRoleOptions } from './redis-connection.js'
import { redisClusterFromUrl } from './redis-options.js'

/** What BullMQ connects with: options, of which it makes connections of its own, or the cluster's connections, which are ours. */
export type QueueConnection = ReturnType<typeof redisRoleOptions> | Cluster

/** Token of it. */
export const QUEUE_CONNECTION = Symbol('pharos queue connection')

function createQueueConnection(redisUrl: string, logger: PharosLogger): QueueConnection {
  if (redisClusterFromUrl(redisUrl) === undefined) return redisRoleOptions(redisUrl, 'worker')
  return createRedis(redisUrl, { role: 'worker', name: 'pharos queues', logger }) as Cluster
}

/** BullMQ closes what it opened; a cluster that was handed to it stays for us. */
@Injectable()
class QueueConnectionEnd implements OnApplicationShutdown {
  constructor(@Inject(QUEUE_CONNECTION) private readonly connection: QueueConnection) {}

  async onApplicationShutdown(): Promise<void> {
    if (this.connection instanceof Cluster) await closeRedis(this.connection)
  }
}

/** A module of its own below BullMQ's, so that it ends after the queues and workers. */
@Module({})
export class QueueConnectionModule {
  static register(redisUrl: string): DynamicModule {
    return {
      module: QueueConnectionModule,
      providers: [
        {
          provide: QUEUE_CONNECTION,
          inject: [PharosLogger],
          useFactory: (logger: PharosLogger) => createQueueConnection(redisUrl, logger),
        },
        QueueConnectionEnd,
      ],
      exports: [QUEUE_CONNECTION],
    }
  }
}
