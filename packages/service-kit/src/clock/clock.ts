import { setTimeout as delay } from 'node:timers/promises'
import { Inject } from '@nestjs/common'

/** Time, as far as rules depend on it: injected, so that a test decides what time it is. */
export interface Clock {
  now(): Date
  /** Milliseconds since 1970, UTC. */
  nowMs(): number
  /** Resolves after the time; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => new Date(),
  nowMs: () => Date.now(),
  sleep: async (ms, signal) => {
    signal?.throwIfAborted()
    try {
      await delay(ms, undefined, signal === undefined ? {} : { signal })
    } catch (error) {
      signal?.throwIfAborted()
      throw error
    }
  },
}

/** Token of the clock. */
export const CLOCK = Symbol('pharos clock')

/** Injects the clock. */
export function InjectClock(): ParameterDecorator & PropertyDecorator {
  return Inject(CLOCK)
}
