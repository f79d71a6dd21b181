import { Cluster } from 'ioredis'
import type { PharosLogger } from '../logging/pharos-logger.js'
import type { RedisClient } from './redis-connection.js'

/** What Redis does when its memory is full, of a cluster that of its first master which may drop keys; read from INFO, which managed services allow where they refuse CONFIG. */
export async function readEvictionPolicy(redis: RedisClient): Promise<string | undefined> {
  const nodes = redis instanceof Cluster ? redis.nodes('master') : [redis]
  const texts = await Promise.all(nodes.map((node) => node.info('memory')))
  const policies = texts.map((text) => /^maxmemory_policy:(\S+)/m.exec(text)?.[1])
  return policies.find((policy) => policy !== 'noeviction') ?? policies[0]
}

/** Warns when Redis may drop keys of a queue under memory pressure. Whether it does, for a test or a caller who wants to refuse. */
export async function checkEvictionPolicy(redis: RedisClient, logger: PharosLogger): Promise<boolean> {
  const policy = await readEvictionPolicy(redis)
  if (policy === 'noeviction') return true
  logger.warn('redis unsafe', {
    maxmemoryPolicy: policy ?? 'unknown',
    advice: 'Queues need maxmemory-policy noeviction: with another policy Redis drops parts of a queue when its memory is full.',
  })
  return false
}
