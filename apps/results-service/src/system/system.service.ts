import { Injectable } from '@nestjs/common'
import type { SystemStatus } from '@pharos/contracts'
import { type Clock, InjectClock, InjectConfiguration } from '@pharos/service-kit'
import type { ResultsConfiguration } from '../configuration.js'
import { GenerationsService } from '../generations/generations.service.js'
import { QueuesService } from '../queues/queues.service.js'
import { WorkersService } from '../workers/workers.service.js'
import { SystemRepository } from './system.repository.js'
import { engineStatusOf } from './engine-status.js'
import { productVersion } from './product-version.js'

/** The state of the whole: engines, databases, queues, workers. */
@Injectable()
export class SystemService {
  constructor(
    private readonly workers: WorkersService,
    private readonly queues: QueuesService,
    private readonly databases: GenerationsService,
    private readonly system: SystemRepository,
    @InjectClock() private readonly clock: Clock,
    @InjectConfiguration() private readonly configuration: ResultsConfiguration,
  ) {}

  async status(): Promise<SystemStatus> {
    const [workers, queues, databases, counts] = await Promise.all([
      this.workers.present(),
      this.queues.list(),
      this.databases.list({ limit: 50, state: 'active' }),
      this.system.counts(),
    ])
    return {
      version: productVersion,
      engines: engineStatusOf(workers),
      databases: databases.items.map((database) => {
        const ageMs = database.builtAt === null ? null : this.clock.nowMs() - Date.parse(database.builtAt)
        return {
          ...database,
          ageSeconds: ageMs === null ? null : Math.round(ageMs / 1000),
          isStale: ageMs !== null && ageMs > this.configuration.scans.databaseMaxAgeMs,
        }
      }),
      queues,
      workers: workers.map(({ id, version, slots, busy, lastSeenAt }) => ({
        id,
        version,
        slots,
        busy,
        lastSeenAt: lastSeenAt.toISOString(),
      })),
      counts,
    }
  }
}
