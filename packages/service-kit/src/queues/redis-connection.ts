import { Inject } from '@nestjs/common'
import { Redis, type RedisOptions } from 'ioredis'
import type { PharosLogger } from '../logging/pharos-logger.js'
import { redisOptionsFromUrl } from './redis-options.js'

/**
 * What a connection is for.
 * - `commands`: answers are awaited by somebody: a command fails after three tries.
 * - `worker`: BullMQ's blocking reads, which wait for Redis as long as it takes.
 * - `subscriber`: pub/sub; re-subscribes by itself.
 */
export type RedisRole = 'commands' | 'worker' | 'subscriber'

/** Options of a connection for its role. */
export function redisRoleOptions(url: string, role: RedisRole): RedisOptions & { retryStrategy: (attempt: number) => number } {
  return {
    ...redisOptionsFromUrl(url),
    maxRetriesPerRequest: role === 'commands' ? 3 : null,
    retryStrategy: (attempt: number) => Math.min(attempt * 200, 3000),
    connectTimeout: 5000,
  }
}

/** Opens a connection; its troubles are logged once until it is back. */
export function createRedis(url: string, options: { role: RedisRole; name: string; logger: PharosLogger }): Redis {
  const redis = new Redis({ ...redisRoleOptions(url, options.role), connectionName: options.name })
  let isLost = false
  redis.on('error', (error: unknown) => {
    if (!isLost) options.logger.warn('redis lost', { connection: options.name, error })
    isLost = true
  })
  redis.on('ready', () => {
    if (isLost) options.logger.info('redis regained', { connection: options.name })
    isLost = false
  })
  return redis
}

/** Closes a connection politely, or hard when Redis does not answer. */
export async function closeRedis(redis: Redis): Promise<void> {
  if (redis.status === 'ready') {
    try {
      await redis.quit()
      return
    } catch {
      // The connection broke while closing: what is left of it is dropped below.
    }
  }
  redis.disconnect()
}

/** Token of the shared connection for commands. */
export const REDIS = Symbol('pharos redis')

/** Injects the shared connection for commands; never block on it or subscribe with it. */
export function InjectRedis(): ParameterDecorator & PropertyDecorator {
  return Inject(REDIS)
}
