import { setMaxListeners } from 'node:events'
import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common'
import { type Clock, InjectClock, PharosLogger } from '@pharos/service-kit'

/** A piece of work that is done again and again by every replica. */
export interface RepeatingWorkItem {
  /** Name for the log, e.g. outbox-relay. */
  readonly name: string
  readonly intervalMs: number
  readonly work: () => Promise<void>
}

/** Does work again and again until shutdown. An error is logged and the next round comes as usual. */
@Injectable()
export class RepeatingWork implements BeforeApplicationShutdown {
  private readonly abort = new AbortController()
  private readonly loops: Promise<void>[] = []

  constructor(
    @InjectClock() private readonly clock: Clock,
    private readonly logger: PharosLogger,
  ) {
    // Each loop listens while it sleeps: there are as many listeners as loops, and none is left behind.
    setMaxListeners(0, this.abort.signal)
  }

  start(item: RepeatingWorkItem): void {
    this.loops.push(this.loop(item))
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.abort.abort()
    await Promise.all(this.loops)
  }

  private async loop({ name, intervalMs, work }: RepeatingWorkItem): Promise<void> {
    const { signal } = this.abort
    let isFailing = false
    while (!signal.aborted) {
      try {
        await work()
        isFailing = false
      } catch (error) {
        // A database or Redis that is away fails every round: once is enough.
        if (!isFailing) this.logger.error('upkeep failed', { work: name, error })
        isFailing = true
      }
      try {
        await this.clock.sleep(intervalMs, signal)
      } catch (error) {
        if (!signal.aborted) throw error
      }
    }
  }
}
