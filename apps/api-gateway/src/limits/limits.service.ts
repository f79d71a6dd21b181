import { Injectable } from '@nestjs/common'
import { PharosError } from '@pharos/contracts'
import { type Clock, InjectClock, InjectConfiguration, Metrics } from '@pharos/service-kit'
import type { GatewayConfiguration } from '../configuration.js'
import { InFlightLimiter } from './in-flight-limiter.js'
import { RateLimiter } from './rate-limiter.js'

/** What a caller may ask of this gateway: requests a second, requests at once, refused sign-ins. */
@Injectable()
export class LimitsService {
  private readonly rates: RateLimiter
  private readonly refusals: RateLimiter
  private readonly inFlight: InFlightLimiter
  /** Addresses that have used up their refused sign-ins, and until when. */
  private readonly shutOut = new Map<string, number>()

  constructor(
    @InjectConfiguration() configuration: GatewayConfiguration,
    @InjectClock() private readonly clock: Clock,
    metrics: Metrics,
  ) {
    const { limits } = configuration
    this.rates = new RateLimiter({ perSecond: limits.perSecond, burst: limits.burst }, clock)
    this.refusals = new RateLimiter({ perSecond: limits.anonymousPerSecond, burst: limits.anonymousBurst }, clock)
    this.inFlight = new InFlightLimiter({ total: limits.inFlight, perCaller: limits.inFlightPerCaller })
    metrics.gauge({
      name: 'pharos_gateway_requests_held',
      help: 'Requests that hold a place in the gateway, streams included.',
      collect: (gauge) => gauge.set(this.inFlight.inFlight),
    })
  }

  /** Takes a place for a request; the answer gives it back. Throws `rate-limited` or `too-many-in-flight`. */
  enter(caller: string): () => void {
    const waitMs = this.rates.take(caller)
    if (waitMs > 0) throw new PharosError('rate-limited', 'You send requests faster than allowed.', { retryAfterMs: waitMs })
    const leave = this.inFlight.enter(caller)
    if (leave === null)
      throw new PharosError('too-many-in-flight', 'Too many requests are open; finish some first.', { retryAfterMs: 1000 })
    return leave
  }

  /** Throws `rate-limited` for an address whose sign-ins were refused too often. */
  checkAddress(address: string): void {
    const untilMs = this.shutOut.get(address)
    if (untilMs === undefined) return
    const leftMs = untilMs - this.clock.nowMs()
    if (leftMs > 0) throw new PharosError('rate-limited', 'Too many refused sign-ins from this address.', { retryAfterMs: leftMs })
    this.shutOut.delete(address)
  }

  /** Counts a refused sign-in. */
  countRefusal(address: string): void {
    const waitMs = this.refusals.take(address)
    if (waitMs === 0) return
    if (this.shutOut.size > 10_000) this.shutOut.clear()
    this.shutOut.set(address, this.clock.nowMs() + waitMs)
  }
}
