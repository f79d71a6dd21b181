import { queuePrefix } from '@pharos/contracts'
import { type ClusterRedis, startClusterRedis } from '@pharos/test-kit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { QueueTestModule, WorkProducer, WorkService } from '../__tests__/queue.module.js'
import { recordingLogger } from '../__tests__/recording-logger.js'
import { pollUntil } from '../clock/poll-until.js'
import { createService, type Service } from '../http/create-service.js'
import { drain } from '../lifecycle/drain.js'
import { silentLogger } from '../logging/pharos-logger.js'
import { checkEvictionPolicy } from './eviction-policy.js'
import { Quarantine } from './quarantine.js'
import { closeRedis, createRedis, type RedisClient } from './redis-connection.js'
import { subscribeRedis } from './redis-subscription.js'

let redis: ClusterRedis
let service: Service
let client: RedisClient
const { logger } = recordingLogger()

beforeAll(async () => {
  redis = await startClusterRedis(queuePrefix)
  client = createRedis(redis.url, { role: 'commands', name: 'test', logger: silentLogger() })
  service = await createService({ module: () => QueueTestModule.register(redis.url), configuration: {}, logger })
  await service.app.listen({ host: '127.0.0.1', port: 0 })
})

afterAll(async () => {
  await closeRedis(client)
  await redis.close()
})

const seen = () => service.app.get(WorkService).seen.map(({ taskId }) => taskId)
/** What a caller does, and the outbox does by itself: try again until Redis takes it. */
const persist = (work: () => Promise<unknown>) =>
  pollUntil(() =>
    work().then(
      () => true,
      () => undefined,
    ),
  )

describe('a Redis Cluster', () => {
  it('is reached by some of its addresses, whichever node holds a key', async () => {
    const keys = Array.from({ length: 30 }, (_, index) => `key-${index}`)
    const ports = new Set<number>()
    for (const key of keys) {
      await client.set(key, `value of ${key}`)
      ports.add(await redis.masterPortOf(key))
    }
    expect(ports.size).toBe(3)
    for (const key of keys) expect(await client.get(key)).toBe(`value of ${key}`)
  })

  it('is a readiness check, and is asked for its eviction policy on every master', async () => {
    expect(await service.health.readiness()).toMatchObject({ status: 'ready', checks: [{ name: 'redis', status: 'up' }] })
    expect(await checkEvictionPolicy(client, logger)).toBe(true)
  })

  it('brings what is published at any node to who listens at another', async () => {
    const heard: string[] = []
    let isConnected = false
    const subscription = subscribeRedis(redis.url, silentLogger(), {
      channel: 'news',
      name: 'listener',
      onMessage: (text) => heard.push(text),
      onConnected: () => {
        isConnected = true
      },
    })
    await pollUntil(() => isConnected)
    await client.publish('news', 'first')
    await pollUntil(() => heard.includes('first'))
    subscription.close()
    expect(heard).toEqual(['first'])
  })

  it('carries a queue, and puts aside what does not parse', async () => {
    const producer = service.app.get(WorkProducer)
    await producer.add('before')
    await pollUntil(() => seen().includes('before'))
    await producer.queue.add('work', { task: 7 }, { jobId: 'task-old' })
    const aside = await pollUntil(async () => {
      const entries = await service.app.get(Quarantine).list('work')
      return entries.length > 0 && entries
    })
    expect(aside).toMatchObject([{ queue: 'work', jobId: 'task-old' }])
  })

  it('carries it on when the node of the queue is killed and its replica takes its place', async () => {
    const former = await redis.masterPortOf(queuePrefix)
    await redis.killMasterOf(queuePrefix)
    await pollUntil(async () => (await redis.masterPortOf(queuePrefix)) !== former, { what: 'another master' })
    await persist(() => service.app.get(WorkProducer).add('after'))
    await pollUntil(() => seen().includes('after'), { what: 'the job after the failover' })
    expect(seen()).toEqual(['before', 'after'])
  })

  it('lets a service end: queues and workers first, then their connections', async () => {
    expect(await drain(service, { graceMs: 100_000, delayMs: 0 })).toBe('drained')
  })
})
