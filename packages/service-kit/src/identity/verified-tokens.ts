import { Injectable } from '@nestjs/common'
import { type Clock, InjectClock } from '../clock/clock.js'
import type { ServiceCaller } from './service-token.js'

const limitEntries = 1000

/**
 * Callers by tokens that were verified, until these expire: services use a token many times, and to verify it costs more
 * than most of what follows. Nothing revokes a token before it expires, so nothing is missed.
 */
@Injectable()
export class VerifiedTokens {
  private readonly entries = new Map<string, { readonly caller: ServiceCaller; readonly expiresAtMs: number }>()

  constructor(@InjectClock() private readonly clock: Clock) {}

  /** Keeps who stands behind a token; `expiresAt` is in seconds since 1970, as in the token. */
  keep(token: string, caller: ServiceCaller, expiresAt: number): void {
    // The oldest entry goes: a Map keeps the order of insertion.
    if (this.entries.size >= limitEntries) this.entries.delete(this.entries.keys().next().value ?? '')
    this.entries.set(token, { caller, expiresAtMs: expiresAt * 1000 })
  }

  /** The caller behind a token; undefined when it must be verified. */
  find(token: string): ServiceCaller | undefined {
    const entry = this.entries.get(token)
    if (entry === undefined) return undefined
    if (this.clock.nowMs() < entry.expiresAtMs) return entry.caller
    this.entries.delete(token)
    return undefined
  }
}
