import { startRedis, type TestRedis } from '@pharos/test-kit'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { QueueTestModule, WorkProducer, WorkService } from '../__tests__/queue.module.js'
import { recordingLogger } from '../__tests__/recording-logger.js'
import { pollUntil } from '../clock/poll-until.js'
import { createService, type Service } from '../http/create-service.js'
import { drain } from '../lifecycle/drain.js'
import { silentLogger } from '../logging/pharos-logger.js'
import { withSpan } from '../tracing/trace-context.js'
import { startTracing, type Tracing } from '../tracing/tracing.js'
import { checkEvictionPolicy } from './eviction-policy.js'
import { Quarantine } from './quarantine.js'
import { closeRedis, createRedis } from './redis-connection.js'

let redis: TestRedis
let tracing: Tracing
let service: Service
let isOpen = false
const { logger, lines } = recordingLogger()

beforeAll(async () => {
  redis = await startRedis({ isPrivate: true })
  tracing = startTracing({ service: 'test' })
})

afterAll(async () => {
  await tracing.shutdown()
  await redis.close()
})

beforeEach(async () => {
  await redis.flush()
  lines.length = 0
  service = await createService({ module: () => QueueTestModule.register(redis.url), configuration: {}, logger })
  await service.app.listen({ host: '127.0.0.1', port: 0 })
  isOpen = true
})

afterEach(async () => {
  if (isOpen) await service.app.close()
})

function seen() {
  return service.app.get(WorkService).seen
}

describe('a job', () => {
  it('crosses the queue with its trace and its log context', async () => {
    const traceId = await withSpan('submit', async (span) => {
      await service.app.get(WorkProducer).add('t1')
      return span.spanContext().traceId
    })
    const [first] = await pollUntil(() => (seen().length > 0 ? seen() : undefined))
    expect(first).toEqual({ taskId: 't1', traceId, context: { queue: 'work', jobId: 'task-t1', taskId: 't1' } })
  })

  it('keeps its keys under one hash tag, so that a cluster holds them on one node', async () => {
    const { queue } = service.app.get(WorkProducer)
    await queue.pause()
    await service.app.get(WorkProducer).add('t2')
    const client = createRedis(redis.url, { role: 'commands', name: 'test', logger: silentLogger() })
    const keys = await client.keys('*')
    await closeRedis(client)
    expect(keys.length).toBeGreaterThan(0)
    expect(keys.filter((key) => !key.startsWith('{pharos}:'))).toEqual([])
  })

  it('is put aside, once, when its payload does not parse; those behind it go on', async () => {
    const { queue } = service.app.get(WorkProducer)
    await queue.add('work', { task: 7 }, { jobId: 'task-old', attempts: 5 })
    await service.app.get(WorkProducer).add('t3')
    await pollUntil(() => seen().length > 0)
    const aside = await pollUntil(async () => {
      const entries = await service.app.get(Quarantine).list('work')
      return entries.length > 0 && entries
    })
    expect(aside).toMatchObject([
      { queue: 'work', jobId: 'task-old', name: 'work', payload: '{"task":7}', problems: [expect.stringMatching(/^\/taskId: /)] },
    ])
    const job = await pollUntil(async () => {
      const found = await queue.getJob('task-old')
      return found?.failedReason === undefined ? undefined : found
    })
    expect(job.attemptsMade).toBe(1)
    expect(await service.metrics.render()).toContain('pharos_job_payloads_quarantined_total{queue="work"} 1')
    expect(lines.find((line) => line.message === 'job quarantined')).toMatchObject({ level: 'error', jobId: 'task-old' })
  })

  it('ends before the service does', async () => {
    let open = () => {}
    service.app.get(WorkService).gate = new Promise((resolve) => {
      open = resolve
    })
    await service.app.get(WorkProducer).add('t4')
    await pollUntil(() => seen().length > 0)
    const { queue } = service.app.get(WorkProducer)
    const draining = drain(service, { graceMs: 100_000, delayMs: 0 })
    isOpen = false
    open()
    expect(await draining).toBe('drained')
    const client = createRedis(redis.url, { role: 'commands', name: 'test', logger: silentLogger() })
    expect(await client.zscore(`{pharos}:${queue.name}:completed`, 'task-t4')).not.toBeNull()
    await closeRedis(client)
  })
})

describe('Redis', () => {
  it('is a readiness check of the service', async () => {
    expect(await service.health.readiness()).toMatchObject({ status: 'ready', checks: [{ name: 'redis', status: 'up' }] })
  })

  it('that evicts keys is warned of', async () => {
    const client = createRedis(redis.url, { role: 'commands', name: 'test', logger: silentLogger() })
    await client.config('SET', 'maxmemory-policy', 'allkeys-lru')
    expect(await checkEvictionPolicy(client, logger)).toBe(false)
    expect(lines.find((line) => line.message === 'redis unsafe')).toMatchObject({ level: 'warn', maxmemoryPolicy: 'allkeys-lru' })
    await client.config('SET', 'maxmemory-policy', 'noeviction')
    expect(await checkEvictionPolicy(client, logger)).toBe(true)
    await closeRedis(client)
  })

  it('that dies makes the service unready, and ready again when it is back', async () => {
    await redis.kill()
    await pollUntil(async () => (await service.health.readiness()).status === 'not-ready', { what: 'unreadiness' })
    const told = () => lines.map((line) => line.message)
    await pollUntil(() => told().includes('redis lost') && told().includes('queue disconnected'), { what: 'a word of it' })
    await redis.restart()
    await pollUntil(async () => (await service.health.readiness()).status === 'ready', { what: 'readiness', timeoutMs: 90_000 })
    expect(told()).toContain('redis regained')
  })
})
