import { rm } from 'node:fs/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { testHome } from '../paths.js'
import { launchRedis, withRedis } from './redis-server.js'
import { startRedis, type TestRedis } from './start-redis.js'

describe('startRedis', () => {
  let redis: TestRedis | undefined
  afterEach(() => redis?.close())

  it('never evicts', async () => {
    redis = await startRedis({ isPrivate: true })
    expect(await withRedis(redis.url, (client) => client.config('GET', 'maxmemory-policy'))).toEqual(['maxmemory-policy', 'noeviction'])
  })

  it.each([
    ['loses its data over a kill without persistence', 'none', null],
    ['keeps its data over a restart with an append-only file', 'append-only', 'kept'],
  ] as const)('%s', async (_sentence, persistence, expected) => {
    redis = await startRedis({ isPrivate: true, persistence })
    await withRedis(redis.url, (client) => client.set('key', 'kept'))
    if (persistence === 'none') await redis.kill()
    await redis.restart()
    expect(await withRedis(redis.url, (client) => client.get('key'))).toBe(expected)
  })

  it('is unreachable after a kill', async () => {
    redis = await startRedis({ isPrivate: true })
    await redis.kill()
    await expect(withRedis(redis.url, (client) => client.ping())).rejects.toThrow('Connection is closed')
  })

  it('flushes every key', async () => {
    redis = await startRedis({ isPrivate: true })
    await withRedis(redis.url, (client) => client.set('key', 'value'))
    await redis.flush()
    expect(await withRedis(redis.url, (client) => client.dbsize())).toBe(0)
  })

  it('does not take another server on its port for its own', async () => {
    redis = await startRedis({ isPrivate: true })
    const port = Number(new URL(redis.url).port)
    const directory = await testHome('redis', `taken-port-${process.pid}`)
    await expect(launchRedis({ directory, port })).rejects.toThrow('Redis did not start')
    await rm(directory, { recursive: true })
  })
})
