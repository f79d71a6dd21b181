import { Injectable } from '@nestjs/common'
import { type Clock, InjectClock } from '@pharos/service-kit'
import { Database } from '../database/transaction.js'
import { DecisionRules } from '../decisions/decision-rules.js'
import { DecisionStore } from '../decisions/decision-store.js'
import { VexApplicationRepository } from './vex-application.repository.js'

/** Images of one transaction: none of them can take a report as long as it runs. */
const batch = 100
/** How far back a process that begins looks for tags that have moved. */
const tagMemoryMs = 3_600_000
/** A tag moves at the beginning of a transaction that commits later. */
const tagDelayMs = 60_000

/**
 * Makes the stored images follow the documents: a document that is new, on its way out, or judged by other trust rules is
 * gone through image by image, some at a time. Where it stopped is kept, so that any replica goes on after a crash.
 */
@Injectable()
export class VexApplicationService {
  private tagsFollowedMs: number | null = null

  constructor(
    private readonly application: VexApplicationRepository,
    private readonly rules: DecisionRules,
    private readonly decisions: DecisionStore,
    private readonly database: Database,
    @InjectClock() private readonly clock: Clock,
  ) {}

  /** Goes through all documents that are pending, until `deadlineMs` (of the clock) at most; true when none was left over. */
  async settle(deadlineMs = Number.POSITIVE_INFINITY): Promise<boolean> {
    for (const id of await this.application.pending()) {
      for (;;) {
        if (this.clock.nowMs() >= deadlineMs) return false
        if (!(await this.step(id))) break
      }
    }
    return true
  }

  /** An image to which a tag no longer leads is not meant by that tag any more. */
  async followTags(): Promise<void> {
    const startMs = this.clock.nowMs()
    const sinceMs = this.tagsFollowedMs === null ? startMs - tagMemoryMs : this.tagsFollowedMs - tagDelayMs
    const images = await this.application.imagesThatLostATag(new Date(sinceMs))
    for (let from = 0; from < images.length; from += batch) {
      await this.database.inTransaction((tx) => this.apply(tx, images.slice(from, from + batch)))
    }
    this.tagsFollowedMs = startMs
  }

  /** One batch; false when the document needs no more, or another replica is at it. */
  private step(id: string): Promise<boolean> {
    return this.database.inTransaction(async (tx) => {
      const document = await this.application.lock(tx, id)
      if (document === null) return false
      const images = await this.application.nextImages(tx, document, batch)
      await this.apply(tx, images)
      const last = images.at(-1)
      if (images.length < batch || last === undefined) {
        await this.application.finish(tx, document)
        return false
      }
      await this.application.advance(tx, document, last)
      return true
    })
  }

  private async apply(tx: Parameters<DecisionRules['applyToImages']>[0], images: readonly number[]): Promise<void> {
    if (images.length === 0) return
    await this.decisions.lockImages(tx, images)
    await this.rules.applyToImages(tx, images, this.clock.now())
  }
}
