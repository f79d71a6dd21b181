import { Injectable, type OnApplicationBootstrap } from '@nestjs/common'
import { PharosError, type Principal, type Priority, type QueueStatus } from '@pharos/contracts'
import { Metrics } from '@pharos/service-kit'
import { AuditLog } from '../audit/audit-log.js'
import { Database } from '../database/transaction.js'
import { TaskLedger } from '../tasks/task-ledger.js'
import { QueuesRepository } from './queues.repository.js'

/** The lanes of work: how much waits in each, and whether they are paused. */
@Injectable()
export class QueuesService implements OnApplicationBootstrap {
  constructor(
    private readonly database: Database,
    private readonly queues: QueuesRepository,
    private readonly ledger: TaskLedger,
    private readonly audit: AuditLog,
    private readonly metrics: Metrics,
  ) {}

  onApplicationBootstrap(): void {
    this.metrics.gauge<'lane' | 'state'>({
      name: 'pharos_tasks',
      help: 'Tasks that wait, run, are retried or put aside.',
      labels: ['lane', 'state'],
      collect: async (gauge) => {
        for (const { lane, ...counts } of await this.queues.list()) {
          for (const state of ['queued', 'running', 'retrying', 'quarantined'] as const) gauge.set({ lane, state }, counts[state])
        }
      },
    })
  }

  list(): Promise<QueueStatus[]> {
    return this.queues.list()
  }

  /** A paused lane starts no more work; what runs goes on. */
  async setPause(lane: Priority, isPaused: boolean, principal: Principal): Promise<QueueStatus> {
    await this.database.inTransaction(async (tx) => {
      if (isPaused) await this.queues.pause(tx, lane, principal.id)
      else {
        await this.queues.resume(tx, lane)
        this.ledger.wakeRelay(tx)
      }
      await this.audit.record(tx, principal, { action: isPaused ? 'queue.pause' : 'queue.resume', subject: lane })
    })
    const status = (await this.queues.list()).find((queue) => queue.lane === lane)
    if (status === undefined) throw new PharosError('not-found', `There is no queue ${lane}.`)
    return status
  }
}
