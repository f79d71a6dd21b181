import { Injectable } from '@nestjs/common'
import type { EnqueueRescans } from '@pharos/contracts'
import type { z } from 'zod'
import { Database } from '../database/transaction.js'
import { TaskSubmission } from '../tasks/task-submission.js'
import { RescansRepository } from './rescans.repository.js'

/** Makes background tasks of stored images. */
@Injectable()
export class RescansService {
  constructor(
    private readonly rescans: RescansRepository,
    private readonly tasks: TaskSubmission,
    private readonly database: Database,
  ) {}

  /** Returns how many tasks were made; fewer than the limit when no more images are due. */
  async enqueue(request: z.infer<typeof EnqueueRescans>): Promise<number> {
    return this.database.inTransaction(async (tx) => {
      const images = await this.rescans.choose(tx, {
        notScannedSince: request.notScannedSince === undefined ? null : new Date(request.notScannedSince),
        generationId: request.generationId ?? null,
        engine: request.engine ?? null,
        limit: request.limit,
      })
      const tasks = images.map(({ digest, platform, repository, engines }) => ({
        image: repository === null ? `sbom:${digest}` : `${repository}@${digest}`,
        repository: repository ?? `sbom/${digest}`,
        platform,
        engines,
        priority: 'background' as const,
        cause: request.cause,
        knownDigest: digest,
        submittedBy: 'service:scheduler',
      }))
      return (await this.tasks.submitMany(tx, tasks)).length
    })
  }
}
