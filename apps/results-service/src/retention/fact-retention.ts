import { Injectable } from '@nestjs/common'
import { type Clock, InjectClock, InjectConfiguration } from '@pharos/service-kit'
import type { ResultsConfiguration } from '../configuration.js'
import { Database, type Transaction } from '../database/transaction.js'
import { stopIngest } from '../rematches/ingest-lock.js'
import { type Fact, FactRetentionRepository } from './fact-retention.repository.js'
import type { RetentionProgress, RetentionStep } from './retention-step.js'

/** Closed matches go first: what they alone led to can go in the same round. */
const facts: readonly Fact[] = ['matches', 'packages', 'vulnerabilities']
/** Ingests wait while a batch is removed. */
const batch = 1000
/** Candidates are found by reading whole tables. */
const everyMs = 24 * 3_600_000

/** Removes packages, vulnerabilities and matches that no image leads to any more, once a day. */
@Injectable()
export class FactRetention {
  constructor(
    private readonly database: Database,
    private readonly facts: FactRetentionRepository,
    @InjectClock() private readonly clock: Clock,
    @InjectConfiguration() private readonly configuration: Pick<ResultsConfiguration, 'history'>,
  ) {}

  steps(): RetentionStep[] {
    const horizon = new Date(this.clock.nowMs() - this.configuration.history.horizonMs)
    return facts.map((fact) => ({
      name: fact,
      count: async () => (await this.facts.candidates(fact, horizon)).length,
      remove: (isOver) => this.removeAll(fact, horizon, isOver),
    }))
  }

  private async removeAll(fact: Fact, horizon: Date, isOver: () => boolean): Promise<RetentionProgress> {
    const doneAt = await this.facts.doneAt(fact)
    if (doneAt !== null && this.clock.nowMs() - doneAt.getTime() < everyMs) return { removed: 0, isDone: true }
    const ids = await this.facts.candidates(fact, horizon)
    let removed = 0
    for (let from = 0; from < ids.length; from += batch) {
      if (isOver()) return { removed, isDone: false }
      const part = ids.slice(from, from + batch)
      const count = await this.database.inTransaction(async (tx) => {
        await stopIngest(tx)
        return (await this.facts.isRematching(tx)) ? null : this.removeBatch(tx, fact, part)
      })
      // The next round comes back to it.
      if (count === null) return { removed, isDone: true }
      removed += count
    }
    await this.facts.markDone(fact, this.clock.now())
    return { removed, isDone: true }
  }

  private removeBatch(tx: Transaction, fact: Fact, ids: readonly number[]): Promise<number> {
    if (fact === 'packages') return this.facts.removePackages(tx, ids)
    if (fact === 'vulnerabilities') return this.facts.removeVulnerabilities(tx, ids)
    return this.facts.removeMatches(tx, ids)
  }
}
