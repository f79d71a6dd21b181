import { Injectable } from '@nestjs/common'
import { type Clock, InjectClock } from '@pharos/service-kit'
import { ChangesRepository } from './changes.repository.js'

const lookMs = 500

/**
 * Tells those who wait for changes that there may be some. However many wait, this replica looks once in half a second, and not
 * at all while nobody waits.
 */
@Injectable()
export class ChangeNews {
  private looking: Promise<string> | null = null

  constructor(
    private readonly changes: ChangesRepository,
    @InjectClock() private readonly clock: Clock,
  ) {}

  /** The state of the feed, to be taken before it is read: what is written behind it wakes `since`. */
  head(): Promise<string> {
    return this.changes.head()
  }

  /** Resolves when the feed is in another state than `head`, or the signal is aborted. */
  async since(head: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if ((await this.look()) !== head) return
    }
  }

  private look(): Promise<string> {
    this.looking ??= this.clock
      .sleep(lookMs)
      .then(() => this.changes.head())
      .finally(() => {
        this.looking = null
      })
    return this.looking
  }
}
