import { Injectable } from '@nestjs/common'
import type { RetentionPreview } from '@pharos/contracts'
import { type Clock, InjectClock, InjectConfiguration } from '@pharos/service-kit'
import { AuditLog } from '../audit/audit-log.js'
import type { ResultsConfiguration } from '../configuration.js'
import { Database } from '../database/transaction.js'
import { FactRetention } from './fact-retention.js'
import { HistoryRetention } from './history-retention.js'
import { ImageRetention } from './image-retention.js'
import type { RetentionStep } from './retention-step.js'

const noteworthy: ReadonlySet<string> = new Set(['images', 'supersededSboms', 'packages', 'vulnerabilities', 'matches', 'closedFindings'])

/** What a round removed, in rows. */
export interface RetentionRound {
  readonly removed: Readonly<Record<string, number>>
  /** The round's time was over before everything was removed. */
  readonly hasMore: boolean
}

/** Keeps what is stored within its time. */
@Injectable()
export class RetentionService {
  constructor(
    private readonly images: ImageRetention,
    private readonly history: HistoryRetention,
    private readonly facts: FactRetention,
    private readonly audit: AuditLog,
    private readonly database: Database,
    @InjectClock() private readonly clock: Clock,
    @InjectConfiguration() private readonly configuration: Pick<ResultsConfiguration, 'retention' | 'history' | 'upkeep'>,
  ) {}

  /** Removes what has had its time, for about as long as `limitMs`; what is left comes in the next round. */
  async run(limitMs: number): Promise<RetentionRound> {
    const endMs = this.clock.nowMs() + limitMs
    const isOver = (): boolean => this.clock.nowMs() >= endMs
    const removed: Record<string, number> = {}
    let hasMore = false
    for (const step of this.steps()) {
      for (let isDone = false; !isDone; ) {
        if (isOver()) {
          hasMore = true
          break
        }
        const progress = await step.remove(isOver)
        removed[step.name] = (removed[step.name] ?? 0) + progress.removed
        isDone = progress.isDone
      }
    }
    await this.record(removed)
    return { removed, hasMore }
  }

  /** What a round would remove; removes nothing. */
  async preview(): Promise<RetentionPreview> {
    const due: Record<string, number> = {}
    for (const step of this.steps()) due[step.name] = await step.count()
    const { retention, history, upkeep } = this.configuration
    return {
      policies: {
        imageRetentionSeconds: seconds(retention.imageAgeMs),
        historyHorizonSeconds: seconds(history.horizonMs),
        eventRetentionSeconds: seconds(upkeep.eventRetentionMs),
        auditRetentionSeconds: seconds(upkeep.auditRetentionMs),
      },
      due,
    }
  }

  private steps(): RetentionStep[] {
    return [...this.images.steps(), ...this.history.steps(), ...this.facts.steps()]
  }

  private async record(removed: Readonly<Record<string, number>>): Promise<void> {
    const detail = Object.fromEntries(Object.entries(removed).filter(([name, count]) => count > 0 && noteworthy.has(name)))
    if (Object.keys(detail).length === 0) return
    await this.database.inTransaction((tx) =>
      this.audit.record(tx, { id: 'service:results-service' }, { action: 'retention.remove', subject: 'inventory', detail }),
    )
  }
}

const seconds = (ms: number): number => Math.round(ms / 1000)
