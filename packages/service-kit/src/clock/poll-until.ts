import { type Clock, systemClock } from './clock.js'

/** How `pollUntil` waits. */
export interface PollOptions {
  readonly intervalMs?: number
  readonly timeoutMs?: number
  readonly clock?: Clock
  readonly signal?: AbortSignal
  /** What is waited for, for the message when it does not come. */
  readonly what?: string
}

/** The awaited state did not come in time. */
export class PollTimeoutError extends Error {
  override readonly name = 'PollTimeoutError'
}

/**
 * Calls `check` until it yields something other than false, null or undefined, and resolves with it.
 * Rejects with `PollTimeoutError` when that does not happen in time (default 60 s), with the error of `check` when it throws.
 */
export async function pollUntil<T>(check: () => Promise<T> | T, options: PollOptions = {}): Promise<Exclude<T, false | null | undefined>> {
  const { intervalMs = 50, timeoutMs = 60_000, clock = systemClock, signal, what = 'the awaited state' } = options
  const deadlineMs = clock.nowMs() + timeoutMs
  for (;;) {
    signal?.throwIfAborted()
    const value = await check()
    if (value !== false && value !== null && value !== undefined) return value as Exclude<T, false | null | undefined>
    if (clock.nowMs() >= deadlineMs) throw new PollTimeoutError(`${what} did not come within ${timeoutMs} ms`)
    await clock.sleep(intervalMs, signal)
  }
}
