import { createRedis, type PharosLogger } from '@pharos/service-kit'

/** What a subscription tells. */
export interface Subscription {
  channel: string
  onMessage: (text: string) => void
  /** Called at each (re)connection, once the channel is subscribed. */
  onConnected: () => void
}

/** Opens a connection of its own, as Redis wants for subscriptions, and keeps it subscribed. */
export function createSubscriber(redisUrl: string, logger: PharosLogger, subscription: Subscription): { close: () => void } {
  const redis = createRedis(redisUrl, { role: 'subscriber', name: 'task-news', logger })
  redis.on('message', (_channel: string, text: string) => subscription.onMessage(text))
  redis.on('ready', () => {
    // A connection that breaks meanwhile becomes ready again, and subscribes again.
    redis
      .subscribe(subscription.channel)
      .then(subscription.onConnected, (error: unknown) => logger.debug('subscription interrupted', { error }))
  })
  return { close: () => redis.disconnect() }
}
