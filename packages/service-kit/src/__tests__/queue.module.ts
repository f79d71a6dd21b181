import { BullModule, InjectQueue, Processor, WorkerHost } from '@nestjs/bullmq'
import { type DynamicModule, Injectable, Module } from '@nestjs/common'
import type { Job, Queue } from 'bullmq'
import { z } from 'zod'
import { currentLogContext, currentTraceId, JobRunner, QueuesModule, withTrace } from '../index.js'

export const Work = z.object({ taskId: z.string(), trace: z.record(z.string(), z.string()).optional() })
export type Work = z.infer<typeof Work>

/** What the consumer saw. */
export interface Seen {
  readonly taskId: string
  readonly traceId: string | undefined
  readonly context: unknown
}

/** Keeps what was seen, for the test; may be told to wait before a job ends. */
@Injectable()
export class WorkService {
  readonly seen: Seen[] = []
  gate: Promise<void> = Promise.resolve()

  async work(payload: Work): Promise<void> {
    this.seen.push({ taskId: payload.taskId, traceId: currentTraceId(), context: currentLogContext() })
    await this.gate
  }
}

@Injectable()
export class WorkProducer {
  constructor(@InjectQueue('work') readonly queue: Queue) {}

  async add(taskId: string): Promise<void> {
    await this.queue.add('work', withTrace({ taskId }), { jobId: `task-${taskId}` })
  }
}

@Processor('work')
class WorkConsumer extends WorkerHost {
  constructor(
    private readonly jobs: JobRunner,
    private readonly service: WorkService,
  ) {
    super()
  }

  process(job: Job): Promise<void> {
    return this.jobs.run(job, Work, (payload) => this.service.work(payload))
  }
}

@Module({})
export class QueueTestModule {
  static register(redisUrl: string): DynamicModule {
    return {
      module: QueueTestModule,
      imports: [QueuesModule.register({ redisUrl }), BullModule.registerQueue({ name: 'work' })],
      providers: [WorkService, WorkProducer, WorkConsumer],
    }
  }
}
