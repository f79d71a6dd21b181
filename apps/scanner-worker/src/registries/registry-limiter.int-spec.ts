import { createRedis, silentLogger } from '@pharos/service-kit'
import { startRedis, type TestRedis } from '@pharos/test-kit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type PermitDecision, RegistryLimiter, type RegistryPermit } from './registry-limiter.js'

let redis: TestRedis
let connection: ReturnType<typeof createRedis>
let limiter: RegistryLimiter

beforeAll(async () => {
  redis = await startRedis()
  connection = createRedis(redis.url, { role: 'commands', name: 'test', logger: silentLogger() })
  limiter = new RegistryLimiter(connection)
})
afterAll(async () => {
  connection.disconnect()
  await redis.close()
})

function permitOf(decision: PermitDecision): RegistryPermit {
  if (decision.outcome !== 'granted') throw new Error(decision.outcome)
  return decision.permit
}

describe('the limit of a registry', () => {
  it('holds over all workers, and a permit that is given back can be had again', async () => {
    const decisions = await Promise.all(Array.from({ length: 10 }, () => limiter.acquire('one.example', 3)))
    const granted = decisions.filter(({ outcome }) => outcome === 'granted')
    expect(granted).toHaveLength(3)
    expect((await limiter.acquire('one.example', 3)).outcome).toBe('full')
    expect((await limiter.acquire('other.example', 3)).outcome).toBe('granted')
    await permitOf(granted[0] ?? { outcome: 'full', retryAfterMs: 0 }).release()
    expect((await limiter.acquire('one.example', 3)).outcome).toBe('granted')
  })

  it('does not count permits of workers that are no more', async () => {
    await connection.zadd('{pharos}:registry:dead.example:permits', 1, 'of-a-dead-worker')
    const permit = permitOf(await limiter.acquire('dead.example', 1))
    await permit.renew()
    expect(await connection.zcard('{pharos}:registry:dead.example:permits')).toBe(1)
  })

  it('keeps everybody away for as long as the registry asked, and no shorter wish ends it', async () => {
    await limiter.block('busy.example', 60_000)
    await limiter.block('busy.example', 1_000)
    const decision = await limiter.acquire('busy.example', 8)
    expect(decision).toMatchObject({ outcome: 'blocked' })
    expect(decision.outcome === 'blocked' ? decision.retryAfterMs : 0).toBeGreaterThan(30_000)
  })
})
