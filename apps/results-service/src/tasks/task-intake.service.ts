import { Injectable } from '@nestjs/common'
import { type BatchItemOutcome, type BatchOutcome, PharosError, type Principal, type Priority, type ScanTask } from '@pharos/contracts'
import { InjectConfiguration, toPharosError } from '@pharos/service-kit'
import { isVisible } from '../access/repository-scope.js'
import type { ResultsConfiguration } from '../configuration.js'
import { Database, type Transaction } from '../database/transaction.js'
import { type IdempotentAnswer, IdempotencyService } from '../idempotency/idempotency.service.js'
import type { EngineName } from '@pharos/contracts'
import { readBatchBody } from './batch-body.js'
import { readTaskRequest, type TaskDefaults } from './task-request.js'
import { type NewTask, TaskSubmission } from './task-submission.js'
import { toScanTask } from './task-view.js'

/** A batch as it was sent. */
export interface BatchRequest {
  readonly text: string
  readonly mediaType: string
  readonly idempotencyKey: string | undefined
}

/** Takes in what is submitted: checks it, accepts it, answers repeated requests with their first answer. */
@Injectable()
export class TaskIntakeService {
  constructor(
    private readonly database: Database,
    private readonly submission: TaskSubmission,
    private readonly idempotency: IdempotencyService,
    @InjectConfiguration() private readonly configuration: ResultsConfiguration,
  ) {}

  /** Accepts one scan. */
  async submit(body: unknown, idempotencyKey: string | undefined, principal: Principal): Promise<IdempotentAnswer> {
    const task = this.newTask(body, this.defaults('interactive', null), principal)
    if (idempotencyKey === undefined)
      return { status: 202, answer: JSON.stringify(toScanTask(await this.submission.submitOne(task))), isReplayed: false }
    return this.idempotency.run(
      { principal: principal.id, route: 'submitScan', key: idempotencyKey, body: JSON.stringify(body) },
      async (tx) => {
        const [row] = await this.submission.submitMany(tx, [task])
        if (row === undefined) throw new PharosError('internal-error', 'The task was not stored.')
        return { status: 202, body: toScanTask(row) satisfies ScanTask }
      },
    )
  }

  /** Accepts what is right in a batch, in one transaction, and says for each item what came of it. */
  async submitBatch(request: BatchRequest, principal: Principal): Promise<IdempotentAnswer> {
    const work = async (tx: Transaction) => ({ status: 202, body: await this.acceptBatch(tx, request, principal) })
    if (request.idempotencyKey !== undefined) {
      return this.idempotency.run(
        { principal: principal.id, route: 'submitBatch', key: request.idempotencyKey, body: `${request.mediaType}\n${request.text}` },
        work,
      )
    }
    const { status, body } = await this.database.inTransaction(work)
    return { status, answer: JSON.stringify(body), isReplayed: false }
  }

  private async acceptBatch(tx: Transaction, request: BatchRequest, principal: Principal): Promise<BatchOutcome> {
    const { items, cohort, priority } = readBatchBody(request.text, request.mediaType)
    const defaults = this.defaults(priority ?? 'ci', cohort)
    const accepted: { index: number; task: NewTask }[] = []
    const outcomes: BatchItemOutcome[] = items.map((item, index) => {
      try {
        if (item instanceof PharosError) throw item
        accepted.push({ index, task: this.newTask(item, defaults, principal) })
        return { index, id: null, state: null, problem: null }
      } catch (error) {
        const { code, detail } = toPharosError(error)
        return { index, id: null, state: null, problem: { code, detail } }
      }
    })
    const inserted = await this.submission.submitMany(
      tx,
      accepted.map((entry) => entry.task),
    )
    for (const [position, { index }] of accepted.entries()) {
      outcomes[index] = { index, id: inserted[position]?.id ?? null, state: inserted[position]?.state ?? null, problem: null }
    }
    return { accepted: accepted.length, refused: items.length - accepted.length, items: outcomes }
  }

  private newTask(item: unknown, defaults: TaskDefaults, principal: Principal): NewTask {
    const request = readTaskRequest(item, defaults)
    if (!isVisible(principal, request.repository)) throw new PharosError('forbidden', `Your scope does not hold ${request.repository}.`)
    return { ...request, cause: 'submit', submittedBy: principal.id }
  }

  private defaults(priority: Priority, cohort: string | null): TaskDefaults {
    return { engines: this.configuration.scans.defaultEngines as readonly EngineName[], priority, cohort }
  }
}
