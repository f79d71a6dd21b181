import { Injectable, type OnApplicationShutdown } from '@nestjs/common'
import { type ScanJob, lanes, queuePrefix, redisEpochKey, scanJobId, scanQueues } from '@pharos/contracts'
import { InjectRedis, type RedisClient } from '@pharos/service-kit'
import { Queue } from 'bullmq'
import type { WaitingAttempt } from './outbox.repository.js'

type QueueName = (typeof scanQueues)[keyof typeof scanQueues]['name']

/** Background work that has waited its longest time goes ahead of new CI work. */
const agedJobPriority = 50

/** The scan queues in Redis, for the producer. */
@Injectable()
export class ScanQueues implements OnApplicationShutdown {
  private readonly queues: Readonly<Record<QueueName, Queue<ScanJob>>>

  constructor(@InjectRedis() private readonly redis: RedisClient) {
    const open = (name: QueueName) => {
      const queue = new Queue<ScanJob>(name, { connection: redis, prefix: queuePrefix, skipVersionCheck: true })
      // The shared connection logs its own troubles; without a listener BullMQ prints them once more.
      queue.on('error', () => undefined)
      return queue
    }
    this.queues = { 'scan-interactive': open('scan-interactive'), scan: open('scan') }
  }

  /** Adds jobs; one that is there already stays as it is. */
  async add(found: readonly WaitingAttempt[]): Promise<void> {
    for (const name of ['scan-interactive', 'scan'] as const) {
      const jobs = found.filter((row) => lanes[row.lane].queue === name)
      if (jobs.length === 0) continue
      await this.queues[name].addBulk(
        jobs.map((row) => ({
          name: 'scan',
          data: { taskId: row.taskId, attempt: row.attempt, ...(row.trace === null ? {} : { trace: row.trace }) },
          opts: {
            jobId: scanJobId(row.taskId, row.attempt),
            priority: row.isAged ? agedJobPriority : lanes[row.lane].jobPriority,
            attempts: 1,
            removeOnComplete: true,
            removeOnFail: true,
            ...(row.delayMs > 0 ? { delay: row.delayMs } : {}),
          },
        })),
      )
    }
  }

  /** Lets jobs that have waited their longest time go ahead. */
  async raise(found: readonly WaitingAttempt[]): Promise<void> {
    for (const row of found) {
      const job = await this.queues[lanes[row.lane].queue].getJob(scanJobId(row.taskId, row.attempt))
      if (job !== undefined) await job.changePriority({ priority: agedJobPriority })
    }
  }

  /** The rows whose jobs Redis does not have. */
  async missing(found: readonly WaitingAttempt[]): Promise<WaitingAttempt[]> {
    const pipeline = this.redis.pipeline()
    for (const row of found) pipeline.exists(`${queuePrefix}:${lanes[row.lane].queue}:${scanJobId(row.taskId, row.attempt)}`)
    const answers = (await pipeline.exec()) ?? []
    return found.filter((_row, index) => answers[index]?.[1] === 0)
  }

  /** The epoch that Redis holds; null when it has lost its data. */
  epoch(): Promise<string | null> {
    return this.redis.get(redisEpochKey)
  }

  async setEpoch(epoch: string): Promise<void> {
    await this.redis.set(redisEpochKey, epoch)
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all(Object.values(this.queues).map((queue) => queue.close()))
  }
}
