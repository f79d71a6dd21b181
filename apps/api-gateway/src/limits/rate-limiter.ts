import type { Clock } from '@pharos/service-kit'

interface Bucket {
  tokens: number
  refilledAtMs: number
}

/** How fast one caller may send requests. */
export interface RateLimit {
  perSecond: number
  burst: number
}

/** A caller's buckets are forgotten once they are full again; so many are kept at the most. */
const maxBuckets = 50_000

/**
 * Token buckets, one a caller, in this process: each gateway replica limits on its own, so the limit of the whole is
 * the limit times the replicas.
 */
export class RateLimiter {
  private readonly buckets = new Map<string, Bucket>()

  constructor(
    private readonly limit: RateLimit,
    private readonly clock: Clock,
  ) {}

  /** Takes one request; answers 0 when it may pass, else the milliseconds until one may. */
  take(key: string): number {
    const nowMs = this.clock.nowMs()
    const bucket = this.refilled(key, nowMs)
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1
      return 0
    }
    return Math.ceil(((1 - bucket.tokens) / this.limit.perSecond) * 1000)
  }

  private refilled(key: string, nowMs: number): Bucket {
    const known = this.buckets.get(key)
    if (known === undefined) {
      if (this.buckets.size >= maxBuckets) this.forgetFullBuckets(nowMs)
      const fresh = { tokens: this.limit.burst, refilledAtMs: nowMs }
      this.buckets.set(key, fresh)
      return fresh
    }
    known.tokens = Math.min(this.limit.burst, known.tokens + ((nowMs - known.refilledAtMs) / 1000) * this.limit.perSecond)
    known.refilledAtMs = nowMs
    return known
  }

  private forgetFullBuckets(nowMs: number): void {
    for (const [key, bucket] of this.buckets) {
      const tokens = bucket.tokens + ((nowMs - bucket.refilledAtMs) / 1000) * this.limit.perSecond
      if (tokens >= this.limit.burst) this.buckets.delete(key)
    }
    // Everybody is busy: the oldest go, which favours them, rather than memory growing without end.
    for (const key of this.buckets.keys()) {
      if (this.buckets.size < maxBuckets) return
      this.buckets.delete(key)
    }
  }
}
