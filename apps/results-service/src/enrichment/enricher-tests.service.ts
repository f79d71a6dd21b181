import { Injectable } from '@nestjs/common'
import { EnricherTestAnswer, PharosError, type Principal, type TestEnrichers } from '@pharos/contracts'
import { visibleRepositories } from '../access/repository-scope.js'
import { afterCommit, Database } from '../database/transaction.js'
import { EventBroadcast } from '../events/event-broadcast.js'
import { EnricherRequestRepository, type RequestSubject } from './enricher-request.repository.js'
import { EnricherSetRepository } from './enricher-set.repository.js'
import { PayloadsService } from './payloads.service.js'
import { RequestAnswers } from './request-answers.js'

/** Runs enrichers once for somebody who waits, at a worker like all scripts, and keeps nothing of it. */
@Injectable()
export class EnricherTestsService {
  constructor(
    private readonly database: Database,
    private readonly sets: EnricherSetRepository,
    private readonly requests: EnricherRequestRepository,
    private readonly answers: RequestAnswers,
    private readonly payloads: PayloadsService,
    private readonly broadcast: EventBroadcast,
  ) {}

  /** Throws `not-found`, `conflict` when no set is active or it is not checked yet, and `enrichers-unavailable`. */
  async run(test: TestEnrichers, principal: Principal): Promise<EnricherTestAnswer> {
    const setId = test.files === undefined ? await this.setOf(test.set) : null
    const subject = await this.subjectOf(test, principal)
    const id = await this.database.inTransaction(async (tx) => {
      afterCommit(tx, () => this.broadcast.enrichmentDue())
      return this.requests.create(tx, {
        kind: 'test',
        setId,
        body: { files: test.files ?? null, source: null, enricher: test.enricher ?? null },
        payload: test.payload === undefined ? null : JSON.stringify(test.payload),
        subject,
      })
    })
    const ended = await this.answers.wait(id)
    if (ended?.state === 'done') return EnricherTestAnswer.parse(ended.answer)
    throw new PharosError(
      'enrichers-unavailable',
      'No worker has answered in time. Are workers running, and do they take part in enrichment?',
    )
  }

  private async setOf(asked: string | undefined): Promise<string> {
    const set = asked === undefined ? await this.sets.active(this.database.runner) : await this.sets.find(this.database.runner, asked)
    if (set === null && asked === undefined) throw new PharosError('conflict', 'No set of enrichers is active: give files or a set.')
    if (set === null) throw new PharosError('not-found', 'There is no such set of enrichers.')
    if (set.hash === null) throw new PharosError('conflict', 'This set was not checked by a worker yet, or has mistakes.')
    return set.id
  }

  private async subjectOf({ image, key }: TestEnrichers, principal: Principal): Promise<RequestSubject | null> {
    if (image === undefined) return null
    const { image_id, kind, key: storedKey, workload_id } = await this.payloads.locate(image, key, visibleRepositories(principal))
    return { imageId: image_id, kind, key: storedKey, workloadId: workload_id }
  }
}
