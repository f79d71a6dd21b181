import type { Clock } from './clock.js'

interface Sleeper {
  readonly wakeAtMs: number
  readonly wake: () => void
}

/** A clock that moves only when a test moves it. */
export class FakeClock implements Clock {
  private currentMs: number
  private sleepers: Sleeper[] = []

  constructor(start: Date | string = '2026-01-01T00:00:00.000Z') {
    this.currentMs = new Date(start).getTime()
  }

  now(): Date {
    return new Date(this.currentMs)
  }

  nowMs(): number {
    return this.currentMs
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(reasonOf(signal))
        return
      }
      const onAbort = () => {
        this.sleepers = this.sleepers.filter((other) => other !== sleeper)
        reject(reasonOf(signal))
      }
      const sleeper: Sleeper = {
        wakeAtMs: this.currentMs + ms,
        wake: () => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        },
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.sleepers.push(sleeper)
    })
  }

  /** How many sleep now: lets a test wait until the code under test waits. */
  get sleeping(): number {
    return this.sleepers.length
  }

  /** Moves the time on and wakes, in their order, those who sleep no longer. */
  async advance(ms: number): Promise<void> {
    const targetMs = this.currentMs + ms
    // Code that was just called may not have come to its sleep yet.
    await turnOfEventLoop()
    for (;;) {
      const next = this.sleepers.filter((sleeper) => sleeper.wakeAtMs <= targetMs).sort((a, b) => a.wakeAtMs - b.wakeAtMs)[0]
      if (next === undefined) break
      this.currentMs = Math.max(this.currentMs, next.wakeAtMs)
      this.sleepers = this.sleepers.filter((sleeper) => sleeper !== next)
      next.wake()
      // The woken code may sleep again within the same step.
      await turnOfEventLoop()
    }
    this.currentMs = targetMs
  }
}

function turnOfEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function reasonOf(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason
  return reason instanceof Error ? reason : new Error(String(reason))
}
