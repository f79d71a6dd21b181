import { z } from 'zod'
import { parseAuthChallenges, type AuthChallenge } from './auth-challenge.js'
import type { RegistryCredential, RegistryCredentialSource } from './registry-credential.js'
import { isTokenHostTrusted, type RegistryEndpoint } from './registry-policy.js'
import { printable, problemOfStatus, registryProblem } from './registry-problem.js'
import { discard, readBounded, send, type HttpAnswer, type TransportOptions } from './transport.js'

const TOKEN_ANSWER_LIMIT_BYTES = 256 * 1024
/** The token specification's shortest life, and the default when the server states none. */
const DEFAULT_TOKEN_LIFE_SECONDS = 60
/** A token that ends within this time is not begun with. */
const EXPIRY_MARGIN_MS = 10_000

const TokenAnswer = z.object({
  token: z.string().optional(),
  access_token: z.string().optional(),
  refresh_token: z.string().optional(),
  expires_in: z.number().optional(),
})

interface CachedToken {
  authorization: string
  expiresAtMs: number
}

/** Limits of one exchange. */
export interface AuthExchange {
  deadlineMs: number
  signal?: AbortSignal | undefined
}

function basicAuthorization(credential: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${credential.username}:${credential.password}`, 'utf8').toString('base64')}`
}

/** Only what may stand in a header; a token with a line break would forge others. */
function isHeaderSafe(token: string): boolean {
  return token.length > 0 && token.length <= 64 * 1024 && /^[\x21-\x7e]+$/.test(token)
}

/** Speaks for one registry: answers its challenges and remembers the tokens. One per endpoint. */
export class Authenticator {
  private readonly tokens = new Map<string, CachedToken>()
  private isBasicAsked = false
  private credential: Promise<RegistryCredential | null> | undefined
  private rotatedIdentityToken: string | undefined

  constructor(
    private readonly at: RegistryEndpoint,
    private readonly transport: TransportOptions,
    private readonly credentials: RegistryCredentialSource | undefined,
  ) {}

  /** Whether the registry has asked for a credential and this client has one. */
  async hasCredential(): Promise<boolean> {
    return (await this.find()) !== null
  }

  /** The Authorization header known to work for a scope, or undefined: no password is sent before it is asked for. */
  async present(scope: string): Promise<string | undefined> {
    const cached = this.tokens.get(scope)
    if (cached !== undefined && cached.expiresAtMs - EXPIRY_MARGIN_MS > performance.now()) return cached.authorization
    const credential = this.isBasicAsked ? await this.find() : null
    return credential?.kind === 'basic' ? basicAuthorization(credential) : undefined
  }

  /**
   * Answers a 401.
   * @throws PharosError `registry-unauthorized` when there is nothing to answer with.
   */
  async answer(refused: HttpAnswer, scope: string, exchange: AuthExchange): Promise<string> {
    const header = refused.header('www-authenticate')
    const challenges = header === undefined ? [] : parseAuthChallenges(header)
    this.tokens.delete(scope)
    const credential = await this.find()
    const bearer = challenges.find((challenge) => challenge.scheme === 'bearer')
    if (bearer !== undefined) {
      if (credential?.kind === 'registryToken') return this.remember(scope, credential.token, DEFAULT_TOKEN_LIFE_SECONDS)
      return this.fetchToken(bearer, credential, scope, exchange)
    }
    const host = printable(this.at.registry)
    if (!challenges.some((challenge) => challenge.scheme === 'basic')) {
      throw registryProblem(
        'registry-unauthorized',
        `${host} answered 401 ${header === undefined ? 'without saying how to sign in' : 'and asks for a way to sign in that is not known here'}.`,
      )
    }
    if (credential === null)
      throw registryProblem('registry-unauthorized', `${host} asks for a username and a password, and there is no credential for it.`)
    if (credential.kind !== 'basic')
      throw registryProblem('registry-unauthorized', `${host} asks for a username and a password, but its credential is a token.`)
    this.isBasicAsked = true
    return basicAuthorization(credential)
  }

  private find(): Promise<RegistryCredential | null> {
    this.credential ??= this.credentials?.find(this.at.registry) ?? Promise.resolve(null)
    return this.credential
  }

  private remember(scope: string, token: string, lifeSeconds: number): string {
    const authorization = `Bearer ${token}`
    this.tokens.set(scope, { authorization, expiresAtMs: performance.now() + lifeSeconds * 1000 })
    return authorization
  }

  private realmOf(challenge: AuthChallenge, isCredentialSent: boolean): URL {
    const realm = challenge.parameters.get('realm')
    const registry = printable(this.at.registry)
    if (realm === undefined || !URL.canParse(realm))
      throw registryProblem('registry-unauthorized', `${registry} asks for a token but names no usable token server.`)
    const url = new URL(realm)
    url.username = ''
    url.password = ''
    url.hash = ''
    const isTrusted = isTokenHostTrusted(url, this.at)
    if (!isTrusted && url.protocol !== 'https:')
      throw registryProblem('registry-unauthorized', `${registry} names the token server ${printable(url.host)} without https.`)
    if (!isTrusted && isCredentialSent) {
      throw registryProblem(
        'registry-unauthorized',
        `${registry} names the token server ${printable(url.host)}, which may not get its credential. Add it to the registry's tokenHosts when it should.`,
      )
    }
    return url
  }

  private async fetchToken(
    challenge: AuthChallenge,
    credential: RegistryCredential | null,
    ownScope: string,
    exchange: AuthExchange,
  ): Promise<string> {
    const url = this.realmOf(challenge, credential !== null)
    const service = challenge.parameters.get('service')
    // The registry knows its own names for scopes; without one, ours is the specification's.
    const scope = challenge.parameters.get('scope') ?? ownScope
    const parameters = { ...(service === undefined ? {} : { service }), ...(scope === '' ? {} : { scope }) }
    let request: { method: 'GET' | 'POST'; headers: Record<string, string>; body?: string; authorization?: string }
    if (credential?.kind === 'identityToken') {
      const refreshToken = this.rotatedIdentityToken ?? credential.identityToken
      request = {
        method: 'POST',
        headers: { 'Content-Type': 'application/x-www-form-urlencoded', Accept: 'application/json' },
        body: new URLSearchParams({
          grant_type: 'refresh_token',
          client_id: 'pharos',
          refresh_token: refreshToken,
          ...parameters,
        }).toString(),
      }
    } else {
      for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
      if (credential?.kind === 'basic') url.searchParams.set('account', credential.username)
      request = {
        method: 'GET',
        headers: { Accept: 'application/json' },
        ...(credential?.kind === 'basic' ? { authorization: basicAuthorization(credential) } : {}),
      }
    }
    const answer = await send(this.transport, { url, ...request, isRedirectAllowed: false, ...exchange })
    const what = `a token from ${printable(url.host)}`
    if (answer.status !== 200) {
      discard(answer)
      // A token server says "bad credentials" with 400, 401, 403, 404 or 405, depending on its maker.
      if (answer.status < 500 && answer.status !== 429 && answer.status !== 408) {
        throw registryProblem(
          'registry-unauthorized',
          `The token server ${printable(url.host)} answered ${answer.status}${credential === null ? ' to an anonymous request' : ''}.`,
        )
      }
      throw problemOfStatus(answer.status, what, { retryAfterMs: answer.retryAfterMs })
    }
    const tooLarge = (): Error => registryProblem('registry-response-invalid', `The answer to the request for ${what} is too large.`)
    const bytes = await readBounded(answer, {
      limitBytes: TOKEN_ANSWER_LIMIT_BYTES,
      idleMs: this.transport.timeouts.idleMs,
      tooLarge,
      ...exchange,
    })
    return this.keepToken(bytes, what, ownScope)
  }

  private keepToken(bytes: Buffer, what: string, scope: string): string {
    let parsed
    try {
      parsed = TokenAnswer.parse(JSON.parse(bytes.toString('utf8')))
    } catch {
      throw registryProblem('registry-response-invalid', `The answer to the request for ${what} is not a token.`)
    }
    const token = parsed.token ?? parsed.access_token
    if (token === undefined || !isHeaderSafe(token))
      throw registryProblem('registry-response-invalid', `The answer to the request for ${what} holds no usable token.`)
    if (parsed.refresh_token !== undefined && parsed.refresh_token !== '') this.rotatedIdentityToken = parsed.refresh_token
    const lifeSeconds = parsed.expires_in !== undefined && parsed.expires_in > 0 ? parsed.expires_in : DEFAULT_TOKEN_LIFE_SECONDS
    return this.remember(scope, token, lifeSeconds)
  }
}
