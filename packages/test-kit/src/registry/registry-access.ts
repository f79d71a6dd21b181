import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** Who may use a registry. */
export type RegistryAccess =
  | { kind: 'open' }
  | { kind: 'basic'; username: string; password: string }
  | {
      kind: 'bearer'
      username: string
      password: string
      /** Gives pull tokens to everybody, as public registries do. */
      isAnonymousPullAllowed?: boolean
      /** How long a token holds; 300 by default. */
      tokenSeconds?: number
    }

/** A token that was given out. */
interface GrantedToken {
  scopes: string[]
  expiresAtMs: number
}

/** Checks credentials and gives out tokens, after the token specification of the distribution project. */
export class RegistryGate {
  private readonly tokens = new Map<string, GrantedToken>()

  constructor(private readonly access: RegistryAccess) {}

  /** The challenge for a request that may not pass, or undefined when it may. */
  challenge(request: IncomingMessage, baseUrl: string, name: string | undefined): string | undefined {
    const header = request.headers.authorization ?? ''
    if (this.access.kind === 'open') return undefined
    if (this.access.kind === 'basic') return this.isKnown(header) ? undefined : 'Basic realm="pharos test registry"'
    const action = request.method === 'GET' || request.method === 'HEAD' ? 'pull' : 'push'
    const token = this.tokens.get(header.replace(/^Bearer /i, ''))
    const isFresh = token !== undefined && token.expiresAtMs > Date.now()
    if (isFresh && (name === undefined || token.scopes.some((scope) => grants(scope, name, action)))) return undefined
    const scope = name === undefined ? '' : `,scope="repository:${name}:${action === 'pull' ? 'pull' : 'pull,push'}"`
    return `Bearer realm="${baseUrl}/token",service="pharos-test-registry"${scope}`
  }

  /** Answers a request to the token realm; undefined means 401. */
  grant(request: IncomingMessage, url: URL): { token: string; access_token: string; expires_in: number } | undefined {
    if (this.access.kind !== 'bearer') return undefined
    const scopes = url.searchParams.getAll('scope')
    const header = request.headers.authorization ?? ''
    const isPullOnly = scopes.every((scope) => scope.endsWith(':pull'))
    const isAllowed = header === '' ? this.access.isAnonymousPullAllowed === true && isPullOnly : this.isKnown(header)
    if (!isAllowed) return undefined
    const token = randomBytes(24).toString('base64url')
    const seconds = this.access.tokenSeconds ?? 300
    this.tokens.set(token, { scopes, expiresAtMs: Date.now() + seconds * 1000 })
    return { token, access_token: token, expires_in: seconds }
  }

  private isKnown(header: string): boolean {
    if (this.access.kind === 'open') return true
    const expected = Buffer.from(`${this.access.username}:${this.access.password}`).toString('base64')
    return header === `Basic ${expected}`
  }
}

function grants(scope: string, name: string, action: string): boolean {
  const [type, repository, actions = ''] = scope.split(':')
  return type === 'repository' && repository === name && actions.split(',').includes(action)
}
