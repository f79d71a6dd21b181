import { PharosError } from '@pharos/contracts'
import type { Clock } from '@pharos/service-kit'
import type { ChunkKey, RematchClient } from './rematch.client.js'

/** Keeps a chunk while it is worked on; its signal is aborted when the chunk is no longer ours or the worker ends. */
export class ChunkLease {
  private readonly lost = new AbortController()
  private readonly stopped = new AbortController()
  readonly signal: AbortSignal

  constructor(
    private readonly client: Pick<RematchClient, 'renew'>,
    private readonly key: ChunkKey,
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
        const answer = await this.client.renew(this.key)
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
