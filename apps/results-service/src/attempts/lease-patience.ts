import type { Clock } from '@pharos/service-kit'

/**
 * Keeps an outage of ours from being held against workers. Leases go on running while results-service or its database is
 * away, though no worker can renew one; so after a start, or after sweeps that failed, every worker gets one more lease to
 * be heard in before its attempt counts as lost.
 */
export class LeasePatience {
  private lastSweepMs = Number.NEGATIVE_INFINITY
  private patientUntilMs = Number.NEGATIVE_INFINITY

  constructor(
    private readonly leaseMs: number,
    private readonly clock: Clock,
  ) {}

  /** Runs the sweep, or only `meanwhile` while workers are still to be given time. Either one shows that the database answers. */
  async sweep(work: () => Promise<void>, meanwhile: () => Promise<void>): Promise<void> {
    const nowMs = this.clock.nowMs()
    if (nowMs - this.lastSweepMs > this.leaseMs / 2) this.patientUntilMs = nowMs + this.leaseMs
    this.lastSweepMs = nowMs
    try {
      await (nowMs < this.patientUntilMs ? meanwhile() : work())
    } catch (error) {
      this.lastSweepMs = Number.NEGATIVE_INFINITY
      throw error
    }
  }
}
