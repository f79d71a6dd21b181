import { PharosError } from '@pharos/contracts'
import type { Clock } from '@pharos/service-kit'

/** What results-service answers to a renewal: whether to go on, and how long the lease lasts from now. */
export interface ChunkLeaseAnswer {
  readonly continue: boolean
  readonly leaseMs: number
}

/** Keeps a chunk while it is worked on; its signal is aborted when the chunk is no longer ours or the worker ends. */
export class ChunkLease {
  private readonly lost = new AbortController()
  private readonly stopped = new AbortController()
  readonly signal: AbortSignal

  constructor(
    private readonly renew: () => Promise<ChunkLeaseAnswer>,
    private leaseMs: number,
    private readonly clock: Clock,
    end: AbortSignal,
  ) {
    this.signal = AbortSignal.any([this.lost.signal, end])
  }

  /** Renews every third of the lease until `stop`. */
  start(): void {
    void this.beat()
  }

  stop(): void {
    this.stopped.abort()
  }

  private async beat(): Promise<void> {
    let heardAtMs = this.clock.nowMs()
    for (;;) {
      await this.clock.sleep(this.leaseMs / 3, this.stopped.signal).catch(() => undefined)
      if (this.stopped.signal.aborted) return
      try {
        const answer = await this.renew()
        if (!answer.continue) return this.lost.abort()
        heardAtMs = this.clock.nowMs()
        this.leaseMs = answer.leaseMs
      } catch (error) {
        const isGone = error instanceof PharosError && error.code === 'not-found'
        if (isGone || this.clock.nowMs() - heardAtMs >= this.leaseMs) return this.lost.abort()
      }
    }
  }
}
