import { QueueEventsHost, WorkerHost } from '@nestjs/bullmq'
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common'
import { DiscoveryService } from '@nestjs/core'
import { FlowProducer, Queue, type QueueEvents, type Worker } from 'bullmq'
import { PharosLogger } from '../logging/pharos-logger.js'

interface ErrorEmitter {
  on(event: 'error', listener: (error: Error) => void): unknown
}

const CONNECTION_ERRORS: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN'])

/** Hears the errors of every queue and worker of the app; without a listener BullMQ prints them past the logger. */
@Injectable()
export class QueueErrorListener implements OnApplicationBootstrap {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly logger: PharosLogger,
  ) {}

  // At bootstrap, because the workers are made while modules are initialised.
  onApplicationBootstrap(): void {
    for (const { instance } of this.discovery.getProviders() as { instance: unknown }[]) {
      if (instance instanceof Queue) this.listen(instance.name, instance)
      else if (instance instanceof FlowProducer) this.listen('flows', instance)
      else if (instance instanceof WorkerHost) {
        const { worker } = instance as WorkerHost<Worker>
        this.listen(worker.name, worker)
      } else if (instance instanceof QueueEventsHost) {
        const { queueEvents } = instance as { queueEvents: QueueEvents }
        this.listen(queueEvents.name, queueEvents)
      }
    }
  }

  private listen(queue: string, emitter: ErrorEmitter): void {
    emitter.on('error', (error) => {
      // Each worker and queue reports each failed reconnect; the shared connection says "redis lost" once.
      if (isConnectionError(error)) this.logger.debug('queue disconnected', { queue, error })
      else if (isForgottenJob(error)) this.logger.info('queue emptied', { queue, error })
      else this.logger.error('queue failed', { queue, error })
    })
  }
}

function isConnectionError(error: Error): boolean {
  return ('code' in error && CONNECTION_ERRORS.has(String(error.code))) || error.message === 'Connection is closed.'
}

/** BullMQ's word for a job that ended after Redis had lost it. The queues are the road only: the work is relayed again. */
function isForgottenJob(error: Error): boolean {
  return error.message.startsWith('Missing key for job ')
}
