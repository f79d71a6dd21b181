import { Principal } from '@pharos/contracts'
import jwt from 'jsonwebtoken'
import { z } from 'zod'
import { type Clock, systemClock } from '../clock/clock.js'

/** Life of a token. Short, because nothing revokes it. */
const TOKEN_LIFETIME_SECONDS = 60
/** A cached token is used while at least this much of its life is left. */
const RENEW_BEFORE_MS = 20_000
const CACHE_ENTRIES = 500

/** Audience of all tokens between services: a token of another purpose, made with the same secret, is refused. */
export const SERVICE_TOKEN_AUDIENCE = 'pharos-services'

/** What a token between services says. Its header's `kid` names the service too, so that the right secret is found before anything is believed. */
export const ServiceTokenClaims = z.object({
  /** The service that calls. */
  iss: z.string().min(1),
  aud: z.literal(SERVICE_TOKEN_AUDIENCE),
  exp: z.number(),
  /** On whose behalf it calls; absent when it calls for itself. */
  principal: Principal.optional(),
})
export type ServiceTokenClaims = z.infer<typeof ServiceTokenClaims>

/** Who called: a service, perhaps on somebody's behalf. */
export interface ServiceCaller {
  readonly service: string
  readonly principal?: Principal
}

interface CachedToken {
  readonly token: string
  readonly renewAtMs: number
}

/** Signs the requests of one service to others: HS256, one minute, cached by principal. */
export class ServiceTokenSigner {
  private readonly cache = new Map<string, CachedToken>()

  constructor(
    private readonly service: string,
    private readonly key: string,
    private readonly clock: Clock = systemClock,
  ) {}

  sign(principal?: Principal): string {
    const cacheKey = principal === undefined ? '' : JSON.stringify(principal)
    const nowMs = this.clock.nowMs()
    const cached = this.cache.get(cacheKey)
    if (cached !== undefined && nowMs < cached.renewAtMs) return cached.token
    const issuedAt = Math.floor(nowMs / 1000)
    const token = jwt.sign(
      {
        iss: this.service,
        aud: SERVICE_TOKEN_AUDIENCE,
        iat: issuedAt,
        exp: issuedAt + TOKEN_LIFETIME_SECONDS,
        ...(principal === undefined ? {} : { principal }),
      },
      this.key,
      { algorithm: 'HS256', keyid: this.service },
    )
    // The oldest entry goes: a Map keeps the order of insertion.
    this.cache.delete(cacheKey)
    if (this.cache.size >= CACHE_ENTRIES) this.cache.delete(this.cache.keys().next().value ?? '')
    this.cache.set(cacheKey, { token, renewAtMs: issuedAt * 1000 + TOKEN_LIFETIME_SECONDS * 1000 - RENEW_BEFORE_MS })
    return token
  }
}

/** The service that a token names in its header, before anything is checked. */
export function unverifiedKeyId(token: string): string | undefined {
  const decoded = jwt.decode(token, { complete: true })
  return decoded?.header.kid
}
