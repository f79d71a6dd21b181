import type { Redis } from 'ioredis'
import type { PharosLogger } from '../logging/pharos-logger.js'

/** What Redis does when its memory is full; read from INFO, which managed services allow where they refuse CONFIG. */
export async function readEvictionPolicy(redis: Redis): Promise<string | undefined> {
  return /^maxmemory_policy:(\S+)/m.exec(await redis.info('memory'))?.[1]
}

/** Warns when Redis may drop keys of a queue under memory pressure. Whether it does, for a test or a caller who wants to refuse. */
export async function checkEvictionPolicy(redis: Redis, logger: PharosLogger): Promise<boolean> {
  const policy = await readEvictionPolicy(redis)
  if (policy === 'noeviction') return true
  logger.warn('redis unsafe', {
    maxmemoryPolicy: policy ?? 'unknown',
    advice: 'Queues need maxmemory-policy noeviction: with another policy Redis drops parts of a queue when its memory is full.',
  })
  return false
}
