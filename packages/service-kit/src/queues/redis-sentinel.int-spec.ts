import { type SentinelRedis, startSentinelRedis } from '@pharos/test-kit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { QueueTestModule, WorkProducer, WorkService } from '../__tests__/queue.module.js'
import { recordingLogger } from '../__tests__/recording-logger.js'
import { pollUntil } from '../clock/poll-until.js'
import { createService, type Service } from '../http/create-service.js'

let redis: SentinelRedis
let service: Service
const { logger } = recordingLogger()

beforeAll(async () => {
  redis = await startSentinelRedis()
  service = await createService({ module: () => QueueTestModule.register(redis.url), configuration: {}, logger })
  await service.app.listen({ host: '127.0.0.1', port: 0 })
}, 600_000)

afterAll(async () => {
  await service.app.close()
  await redis.close()
})

const seen = () => service.app.get(WorkService).seen.map(({ taskId }) => taskId)

describe('a queue behind a Sentinel', () => {
  it('works on when the master is killed and the replica takes its place', async () => {
    const producer = service.app.get(WorkProducer)
    await producer.add('before')
    await pollUntil(() => (seen().includes('before') ? true : undefined))

    const former = await redis.masterPort()
    await redis.killMaster()
    await pollUntil(async () => ((await redis.masterPort()) === former ? undefined : true), { timeoutMs: 90_000 })

    // What a caller does, and the outbox does by itself: try again until Redis is back.
    await pollUntil(
      () =>
        producer.add('after').then(
          () => true,
          () => undefined,
        ),
      { timeoutMs: 90_000 },
    )
    await pollUntil(() => (seen().includes('after') ? true : undefined), { timeoutMs: 90_000 })
    expect(seen()).toEqual(['before', 'after'])
  }, 600_000)
})
