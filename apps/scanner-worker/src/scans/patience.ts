import { Injectable } from '@nestjs/common'
import { PharosError } from '@pharos/contracts'
import { type Clock, InjectClock, PharosLogger } from '@pharos/service-kit'

const firstDelayMs = 250
const longestDelayMs = 15_000

/** Tries again what results-service could not take: for as long as its signal lasts. */
@Injectable()
export class Patience {
  constructor(
    @InjectClock() private readonly clock: Clock,
    private readonly logger: PharosLogger,
  ) {}

  /** Repeats on `busy`, `too-many-in-flight` and `upstream-unavailable`, after the time that the other side asks for, else with back-off. */
  async until<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    for (let round = 0; ; round += 1) {
      try {
        return await work()
      } catch (error) {
        if (
          signal.aborted ||
          !(error instanceof PharosError) ||
          !['busy', 'too-many-in-flight', 'upstream-unavailable'].includes(error.code)
        )
          throw error
        const delayMs = error.retryAfterMs ?? Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(round, 10)) * (0.5 + Math.random() / 2)
        this.logger.debug('results-service awaited', { code: error.code, delayMs: Math.round(delayMs) })
        await this.clock.sleep(delayMs, signal)
      }
    }
  }
}
