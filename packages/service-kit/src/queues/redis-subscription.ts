import { Cluster } from 'ioredis'
import type { PharosLogger } from '../logging/pharos-logger.js'
import { createRedis } from './redis-connection.js'

/** What is listened to, and what is done then. */
export interface RedisSubscription {
  readonly channel: string
  /** Name of the connection in Redis and in logs. */
  readonly name: string
  readonly onMessage: (text: string) => void
  /** Called at each (re)connection, once the channel is subscribed: messages of the pause are lost. */
  readonly onConnected: () => void
}

/** Opens a connection of its own, as Redis wants for subscriptions, and keeps it subscribed. */
export function subscribeRedis(redisUrl: string, logger: PharosLogger, subscription: RedisSubscription): { close: () => void } {
  const redis = createRedis(redisUrl, { role: 'subscriber', name: subscription.name, logger })
  redis.on('message', (_channel: string, text: string) => subscription.onMessage(text))
  const subscribe = (): void => {
    redis
      .subscribe(subscription.channel)
      .then(subscription.onConnected, (error: unknown) => logger.debug('subscription interrupted', { error }))
  }
  // A connection that breaks becomes ready again, and subscribes again.
  redis.on('ready', subscribe)
  // A cluster listens at one of its nodes, subscribes at another by itself when that one is gone, and says so of neither.
  if (redis instanceof Cluster) redis.on('-node', subscribe)
  return { close: () => redis.disconnect() }
}
