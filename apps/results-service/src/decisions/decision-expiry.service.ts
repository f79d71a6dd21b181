import { Injectable } from '@nestjs/common'
import { type Clock, InjectClock } from '@pharos/service-kit'
import { Database } from '../database/transaction.js'
import { noDecision } from './decision-facts.js'
import { DecisionRules } from './decision-rules.js'
import { DecisionStore } from './decision-store.js'
import { DecisionsRepository } from './decisions.repository.js'

const batch = 1000

/** Ends decisions whose time is over: what they suppressed counts again, and an event says so. */
@Injectable()
export class DecisionExpiryService {
  constructor(
    private readonly decisions: DecisionsRepository,
    private readonly store: DecisionStore,
    private readonly rules: DecisionRules,
    private readonly database: Database,
    @InjectClock() private readonly clock: Clock,
  ) {}

  /** Ends all that are due, an image at a time; returns how many. Replicas may do it at once. */
  async expire(): Promise<number> {
    const at = this.clock.now()
    for (let total = 0; ; ) {
      let ended = 0
      for (const { imageId, findingIds } of await this.decisions.expired(at, batch)) ended += await this.expireOf(imageId, findingIds, at)
      total += ended
      // None: another replica was faster, or is at it.
      if (ended === 0) return total
    }
  }

  private async expireOf(imageId: number, findingIds: readonly string[], at: Date): Promise<number> {
    return this.database.inTransaction(async (tx) => {
      await this.store.lockImages(tx, [imageId])
      // Meanwhile somebody may have decided anew, or another replica has ended it.
      const over = (await this.decisions.read(tx, findingIds)).filter(({ decision }) => isOver(decision?.until ?? null, at))
      await this.store.write(
        tx,
        over.map(({ findingId }) => ({
          findingId,
          kind: 'expired',
          facts: noDecision(),
          source: 'triage',
          statement: null,
          by: 'service:results-service',
        })),
        at,
      )
      await this.rules.applyToImages(tx, [imageId], at)
      return over.length
    })
  }
}

const isOver = (until: Date | null, at: Date): boolean => until !== null && until <= at
