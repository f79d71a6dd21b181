import { createHmac, randomBytes } from 'node:crypto'
import { Injectable } from '@nestjs/common'
import { PharosError, type Principal } from '@pharos/contracts'
import { type Clock, InjectClock, InjectConfiguration } from '@pharos/service-kit'
import type { GatewayConfiguration } from '../configuration.js'
import { ExpiringCache } from './expiring-cache.js'
import { type PresentedCredential, readCredential } from './credential-header.js'
import { PrincipalClient } from './principal.client.js'
import { Turnstile } from './turnstile.js'

/** Unknown tokens are remembered for this long, so that a wrong one in a loop costs nothing. */
const refusedMs = 5_000

/** Finds out who a caller is. Answers of results-service are remembered for the configured time. */
@Injectable()
export class AuthenticatorService {
  /** Key of the cache's keys: a password is never kept, only its HMAC under a key that dies with the process. */
  private readonly cacheKey = randomBytes(32)
  private readonly known: ExpiringCache<Principal | null>
  private readonly asked = new Map<string, Promise<Principal | null>>()
  private readonly passwordChecks: Turnstile

  constructor(
    private readonly principals: PrincipalClient,
    @InjectConfiguration() private readonly configuration: GatewayConfiguration,
    @InjectClock() private readonly clock: Clock,
  ) {
    this.known = new ExpiringCache(10_000, clock)
    this.passwordChecks = new Turnstile(configuration.access.passwordChecks, 100)
  }

  /** The principal of an Authorization header. Throws `unauthenticated` when there is none or it is not known. */
  async authenticate(header: string | undefined): Promise<Principal> {
    const credential = readCredential(header)
    if (credential.kind === 'none')
      throw new PharosError('unauthenticated', 'Send an API token as "Authorization: Bearer phr_…", or basic credentials.')
    if (credential.kind === 'unreadable') throw new PharosError('unauthenticated', credential.detail)
    const principal = await this.lookUp(credential)
    if (principal === null)
      throw new PharosError(
        'unauthenticated',
        credential.kind === 'token' ? 'The token is unknown, expired or revoked.' : 'The name or the password is wrong.',
      )
    return principal
  }

  private async lookUp(credential: Exclude<PresentedCredential, { kind: 'none' | 'unreadable' }>): Promise<Principal | null> {
    const key = createHmac('sha256', this.cacheKey).update(JSON.stringify(credential)).digest('base64')
    const remembered = this.known.get(key)
    if (remembered !== undefined) return remembered
    // Many requests with one credential at once ask once.
    const running = this.asked.get(key)
    if (running !== undefined) return running
    const asking = this.ask(key, credential).finally(() => this.asked.delete(key))
    this.asked.set(key, asking)
    return asking
  }

  private async ask(key: string, credential: Exclude<PresentedCredential, { kind: 'none' | 'unreadable' }>): Promise<Principal | null> {
    const ask = () => this.principals.authenticate(credential)
    // A password hash costs a tenth of a second of CPU: strangers must not fill results-service with them.
    const { principal, expiresAt } = credential.kind === 'basic' ? await this.passwordChecks.pass(ask) : await ask()
    const trustedMs = principal === null ? refusedMs : this.configuration.access.cacheMs
    const untilExpiryMs = expiresAt === null ? trustedMs : Date.parse(expiresAt) - this.clock.nowMs()
    this.known.set(key, principal, Math.min(trustedMs, untilExpiryMs))
    return principal
  }
}
