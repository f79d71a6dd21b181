import { randomBytes } from 'node:crypto'
import { Injectable } from '@nestjs/common'
import { queuePrefix } from '@pharos/contracts'
import { InjectRedis, type RedisClient } from '@pharos/service-kit'

/** A permit to use a registry; it ends by itself when it is not renewed. */
export interface RegistryPermit {
  renew(): Promise<void>
  release(): Promise<void>
}

export type PermitDecision =
  | { readonly outcome: 'granted'; readonly permit: RegistryPermit }
  | { readonly outcome: 'full' | 'blocked'; readonly retryAfterMs: number }

/** A dead worker's permits come back after this. */
const permitMs = 45_000
/** Over the limit, one looks again after about this. */
const fullRetryMs = 500

/** KEYS: permits (sorted set by expiry), blocked-until. ARGV: limit, permit id, lifetime. The clock is Redis's: workers' clocks differ. */
const acquireScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local blockedUntil = tonumber(redis.call('GET', KEYS[2]) or '0')
if blockedUntil > now then return {2, blockedUntil - now} end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return {1, 0} end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3] * 2)
return {0, 0}`

/** KEYS: permits. ARGV: permit id, lifetime. */
const renewScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], 'XX', now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2] * 2)
return 1`

/** KEYS: blocked-until. ARGV: time. A shorter block never ends a longer one. */
const blockScript = `
local time = redis.call('TIME')
local untilMs = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[1]
if tonumber(redis.call('GET', KEYS[1]) or '0') < untilMs then redis.call('SET', KEYS[1], string.format('%.0f', untilMs), 'PX', ARGV[1]) end
return 1`

/** How many scans of all workers may use a registry at once, and until when it wants to be left alone. */
@Injectable()
export class RegistryLimiter {
  constructor(@InjectRedis() private readonly redis: RedisClient) {}

  async acquire(registry: string, limit: number): Promise<PermitDecision> {
    const { permits, blocked } = keysOf(registry)
    const id = randomBytes(12).toString('hex')
    const [code, waitMs] = (await this.redis.eval(acquireScript, 2, permits, blocked, limit, id, permitMs)) as [number, number]
    if (code === 2) return { outcome: 'blocked', retryAfterMs: waitMs }
    // Jitter, so that those who wait do not come back all at once.
    if (code === 1) return { outcome: 'full', retryAfterMs: Math.round(fullRetryMs * (0.5 + Math.random())) }
    return {
      outcome: 'granted',
      permit: {
        renew: async () => {
          await this.redis.eval(renewScript, 1, permits, id, permitMs)
        },
        release: async () => {
          await this.redis.zrem(permits, id)
        },
      },
    }
  }

  /** The registry answered 429: nobody asks it before the time is over. */
  async block(registry: string, durationMs: number): Promise<void> {
    await this.redis.eval(blockScript, 1, keysOf(registry).blocked, Math.max(1, Math.ceil(durationMs)))
  }
}

function keysOf(registry: string): { permits: string; blocked: string } {
  const base = `${queuePrefix}:registry:${registry.toLowerCase()}`
  return { permits: `${base}:permits`, blocked: `${base}:blocked-until` }
}
