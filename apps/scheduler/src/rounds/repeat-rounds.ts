import type { Clock } from '@pharos/service-kit'

/** Work that is done again and again until the scheduler ends. */
export interface Rounds {
  readonly clock: Clock
  /** Time between the end of a round and the next. */
  readonly intervalMs: number
  /** Aborted when the scheduler ends. */
  readonly signal: AbortSignal
  readonly work: (signal: AbortSignal) => Promise<unknown>
  /** Hears of a round that failed; the next one comes as usual. */
  readonly onFailure: (error: unknown) => void
}

/** Does rounds until the signal is aborted; resolves then. */
export async function repeatRounds({ clock, intervalMs, signal, work, onFailure }: Rounds): Promise<void> {
  while (!signal.aborted) {
    try {
      await work(signal)
    } catch (error) {
      if (!signal.aborted) onFailure(error)
    }
    try {
      await clock.sleep(intervalMs, signal)
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }
}
