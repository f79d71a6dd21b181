import { Inject } from '@nestjs/common'
import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis'
import type { PharosLogger } from '../logging/pharos-logger.js'
import { type RedisClusterAddress, redisClusterFromUrl, redisOptionsFromUrl } from './redis-options.js'

/**
 * What a connection is for.
 * - `commands`: answers are awaited by somebody: a command fails after three tries.
 * - `worker`: BullMQ's blocking reads, which wait for Redis as long as it takes.
 * - `subscriber`: pub/sub; re-subscribes by itself.
 */
export type RedisRole = 'commands' | 'worker' | 'subscriber'

/** A connection to one Redis, or to a cluster of them: both take the same commands. */
export type RedisClient = Redis | Cluster

const retryDelayMs = (attempt: number): number => Math.min(attempt * 200, 3000)

/** Options of a connection for its role; not for a cluster, which has connections of its own to each node. */
export function redisRoleOptions(url: string, role: RedisRole): RedisOptions & { retryStrategy: (attempt: number) => number } {
  return {
    ...redisOptionsFromUrl(url),
    maxRetriesPerRequest: role === 'commands' ? 3 : null,
    retryStrategy: retryDelayMs,
    connectTimeout: 5000,
  }
}

/** Opens a connection, or one to each node of a cluster; its troubles are logged once until it is back. */
export function createRedis(url: string, options: { role: RedisRole; name: string; logger: PharosLogger }): RedisClient {
  const cluster = redisClusterFromUrl(url)
  const redis =
    cluster === undefined
      ? new Redis({ ...redisRoleOptions(url, options.role), connectionName: options.name })
      : new Cluster([...cluster.nodes], clusterOptions(cluster, options.role, options.name))
  let isLost = false
  redis.on('error', (error: unknown) => {
    if (!isLost) options.logger.warn('redis lost', { connection: options.name, error })
    isLost = true
  })
  redis.on('ready', () => {
    if (isLost) options.logger.info('redis regained', { connection: options.name })
    isLost = false
  })
  if (redis instanceof Cluster) logLostNodes(redis, options)
  return redis
}

function clusterOptions({ redisOptions }: RedisClusterAddress, role: RedisRole, connectionName: string): ClusterOptions {
  return {
    clusterRetryStrategy: retryDelayMs,
    slotsRefreshTimeout: 5000,
    // A replica that was promoted is found by the next refresh, also when nobody is redirected to it.
    slotsRefreshInterval: 5000,
    redisOptions: { ...redisOptions, connectionName, connectTimeout: 5000, maxRetriesPerRequest: role === 'commands' ? 3 : null },
  }
}

function logLostNodes(cluster: Cluster, { name, logger }: { name: string; logger: PharosLogger }): void {
  const lost = new Set<string>()
  cluster.on('node error', (error: unknown, address: string) => {
    if (!lost.has(address)) logger.warn('redis node lost', { connection: name, address, error })
    lost.add(address)
  })
  cluster.on('+node', (node: Redis) => lost.delete(`${node.options.host}:${node.options.port}`))
}

/** Closes a connection politely, or hard when Redis does not answer. */
export async function closeRedis(redis: RedisClient): Promise<void> {
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
