import { PharosError, type ScanPhase } from '@pharos/contracts'
import type { Clock, PharosLogger } from '@pharos/service-kit'
import type { AttemptKey, ResultsClient } from '../results/results.client.js'

/**
 * Why an attempt ends before its time.
 * - `cancelled`: nobody waits for the run any more
 * - `superseded`: the attempt is another's now
 * - `lease-lost`: results-service was not heard for a whole lease
 * - `drain`: this worker ends
 */
export type AttemptEnd = 'cancelled' | 'superseded' | 'lease-lost' | 'drain'

/** Reason with which the signal of an attempt is aborted. */
export class AttemptEndedError extends Error {
  override readonly name = 'AttemptEndedError'

  constructor(readonly end: AttemptEnd) {
    super(`the attempt ended: ${end}`)
  }
}

/** After a beat that was not heard, the next one follows soon. */
const retryMs = 500

/** Keeps an attempt alive by telling its phase, and stops everything once it is no longer ours. */
export class AttemptLease {
  phase: ScanPhase = 'queue'
  private detail: string | null = null
  private readonly abort = new AbortController()
  private readonly stopped = new AbortController()
  private heardAtMs: number
  private telling: Promise<void> = Promise.resolve()

  constructor(
    private readonly results: Pick<ResultsClient, 'progress'>,
    readonly key: AttemptKey,
    private leaseMs: number,
    private readonly clock: Clock,
    private readonly logger: PharosLogger,
  ) {
    this.heardAtMs = clock.nowMs()
  }

  /** Aborted, with an `AttemptEndedError`, when the attempt must stop. */
  get signal(): AbortSignal {
    return this.abort.signal
  }

  /** Why it was stopped; undefined while it is ours. */
  get end(): AttemptEnd | undefined {
    return this.abort.signal.reason instanceof AttemptEndedError ? this.abort.signal.reason.end : undefined
  }

  /** Beats every third of the lease until `stop`; `onBeat` is called with each beat. */
  start(onBeat: () => Promise<void> = () => Promise.resolve()): void {
    void this.beat(onBeat)
  }

  /** Enters a phase and tells so without waiting for the answer. */
  enter(phase: ScanPhase, detail: string | null = null): void {
    this.phase = phase
    this.detail = detail
    void this.tell()
  }

  /** Changes the text on the phase; told with the next beat. */
  describe(detail: string): void {
    this.detail = detail
  }

  finish(end: AttemptEnd): void {
    if (!this.abort.signal.aborted) this.abort.abort(new AttemptEndedError(end))
  }

  /** Stops beating and waits for the beat under way, so that no late one follows the attempt's end. */
  async stop(): Promise<void> {
    this.stopped.abort()
    await this.telling
  }

  private async beat(onBeat: () => Promise<void>): Promise<void> {
    while (!this.stopped.signal.aborted && !this.abort.signal.aborted) {
      const isHeard = this.clock.nowMs() - this.heardAtMs < this.leaseMs / 2
      await this.clock.sleep(isHeard ? this.leaseMs / 3 : Math.min(retryMs, this.leaseMs / 3), this.stopped.signal).catch(() => undefined)
      if (this.stopped.signal.aborted) return
      await this.tell()
      await onBeat().catch((error: unknown) => this.logger.warn('permit unrenewed', { error }))
    }
  }

  private tell(): Promise<void> {
    this.telling = this.telling.then(() => this.tellNow())
    return this.telling
  }

  private async tellNow(): Promise<void> {
    if (this.stopped.signal.aborted || this.abort.signal.aborted) return
    const askedAtMs = this.clock.nowMs()
    try {
      const answer = await this.results.progress(this.key, this.phase, this.detail)
      this.heardAtMs = askedAtMs
      this.leaseMs = answer.leaseMs
      if (!answer.continue) this.finish('cancelled')
    } catch (error) {
      if (error instanceof PharosError && (error.code === 'attempt-superseded' || error.code === 'not-found')) this.finish('superseded')
      else if (this.clock.nowMs() - this.heardAtMs >= this.leaseMs) this.finish('lease-lost')
      else this.logger.debug('progress unheard', { phase: this.phase, error })
    }
  }
}
