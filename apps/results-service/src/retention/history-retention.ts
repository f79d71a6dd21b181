import { Injectable, type OnApplicationBootstrap } from '@nestjs/common'
import { type Clock, InjectClock, InjectConfiguration } from '@pharos/service-kit'
import type { ResultsConfiguration } from '../configuration.js'
import { RepeatingWork } from '../upkeep/repeating-work.js'
import { type HistoryKind, HistoryRetentionRepository } from './history-retention.repository.js'
import type { RetentionStep } from './retention-step.js'
import { TimePartitions, type TimeTable } from './time-partitions.js'

const kinds: readonly HistoryKind[] = ['endedReferences', 'endedWorkloads', 'packageChanges', 'closedFindings']
const batch = 5000
const monthCheckMs = 6 * 3_600_000

/** Removes what ended, happened or was said before the horizon, and makes the tables of the coming months. */
@Injectable()
export class HistoryRetention implements OnApplicationBootstrap {
  constructor(
    private readonly history: HistoryRetentionRepository,
    private readonly months: TimePartitions,
    private readonly upkeep: RepeatingWork,
    @InjectClock() private readonly clock: Clock,
    @InjectConfiguration() private readonly configuration: Pick<ResultsConfiguration, 'history' | 'upkeep'>,
  ) {}

  onApplicationBootstrap(): void {
    this.upkeep.start({ name: 'time-partitions', intervalMs: monthCheckMs, work: () => this.months.prepare(this.clock.now()) })
  }

  steps(): RetentionStep[] {
    const horizon = new Date(this.clock.nowMs() - this.configuration.history.horizonMs)
    return [
      this.monthly('events', 'event', new Date(this.clock.nowMs() - this.configuration.upkeep.eventRetentionMs)),
      this.monthly('findingEvents', 'finding_event', horizon),
      ...kinds.map((kind): RetentionStep => {
        const remove = async () => {
          const removed = await this.history.remove(kind, horizon, batch)
          return { removed, isDone: removed < batch }
        }
        return { name: kind, count: () => this.history.count(kind, horizon), remove }
      }),
    ]
  }

  private monthly(name: string, table: TimeTable, before: Date): RetentionStep {
    return {
      name,
      count: () => this.months.count(table, before),
      remove: async () => ({ removed: await this.months.drop(table, before), isDone: true }),
    }
  }
}
