import { PharosError } from '@pharos/contracts'
import { Authenticator } from './authenticator.js'
import { createDialler, type Dialler, type ResolveName } from './dialler.js'
import type { RegistryCredentialSource } from './registry-credential.js'
import type { RegistryEndpoint, RegistryPolicy } from './registry-policy.js'
import { problemOfStatus } from './registry-problem.js'
import { discard, readBounded, readErrorBody, send, type HttpAnswer, type TransportOptions } from './transport.js'

/** A request inside a registry's API. */
export interface ApiRequest {
  /** Path and query from `/v2/` on. */
  path: string
  method?: 'GET' | 'HEAD'
  headers?: Record<string, string>
  /** Token scope, e.g. `repository:library/alpine:pull`; empty for the API's base. */
  scope: string
  /** Names the request in errors, e.g. "the manifest of docker.io/library/alpine:3.18". */
  what: string
  deadlineMs: number
  signal?: AbortSignal | undefined
}

/** A short answer, read whole. */
export interface ShortAnswer {
  bytes: Buffer
  header(name: string): string | undefined
}

/** Everything that is needed to talk to one endpoint: connections, authorization, limits. */
export class RegistrySession {
  private readonly dialler: Dialler
  private readonly transport: TransportOptions
  readonly authenticator: Authenticator

  constructor(
    readonly endpoint: RegistryEndpoint,
    policy: RegistryPolicy,
    credentials: RegistryCredentialSource | undefined,
    options: { userAgent: string; resolveName?: ResolveName | undefined },
  ) {
    this.dialler = createDialler(endpoint, {
      connectMs: policy.timeouts.connectMs,
      proxyUrl: policy.proxyUrl,
      resolveName: options.resolveName,
    })
    this.transport = { dialler: this.dialler, timeouts: policy.timeouts, userAgent: options.userAgent }
    this.authenticator = new Authenticator(endpoint, this.transport, credentials)
  }

  /** The repository's path at this endpoint. */
  repository(path: string): string {
    return `${this.endpoint.prefix}${path}`
  }

  pullScope(path: string): string {
    return `repository:${this.repository(path)}:pull`
  }

  /** Sends a request, signing in when asked to; any status but 401 is an answer. */
  async send(request: ApiRequest): Promise<HttpAnswer> {
    const exchange = { deadlineMs: request.deadlineMs, signal: request.signal }
    const http = {
      url: new URL(request.path, this.endpoint.origin),
      method: request.method ?? 'GET',
      headers: request.headers ?? {},
      ...exchange,
    }
    const first = await send(this.transport, { ...http, authorization: await this.authenticator.present(request.scope) })
    if (first.status !== 401 || first.url.origin !== http.url.origin) return first
    discard(first)
    const authorization = await this.authenticator.answer(first, request.scope, exchange)
    return send(this.transport, { ...http, authorization })
  }

  /** Throws the problem of an answer that is not a success. */
  async requireStatus(answer: HttpAnswer, expected: readonly number[], request: Pick<ApiRequest, 'what' | 'deadlineMs'>): Promise<void> {
    if (expected.includes(answer.status)) return
    const body = await readErrorBody(answer, { idleMs: this.transport.timeouts.idleMs, deadlineMs: request.deadlineMs })
    throw problemOfStatus(answer.status, request.what, { retryAfterMs: answer.retryAfterMs, body })
  }

  /**
   * A short, idempotent read. A connection that breaks is tried once more: a kept-alive one may have been closed by the
   * server just as the request left.
   */
  async readShort(request: ApiRequest, limits: { limitBytes: number; tooLarge: () => Error }): Promise<ShortAnswer> {
    try {
      return await this.readShortOnce(request, limits)
    } catch (error) {
      if (!(error instanceof PharosError) || error.code !== 'registry-unreachable') throw error
      return this.readShortOnce(request, limits)
    }
  }

  private async readShortOnce(request: ApiRequest, limits: { limitBytes: number; tooLarge: () => Error }): Promise<ShortAnswer> {
    const answer = await this.send(request)
    await this.requireStatus(answer, [200], request)
    const bytes =
      request.method === 'HEAD'
        ? Buffer.alloc(0)
        : await readBounded(answer, {
            ...limits,
            idleMs: this.transport.timeouts.idleMs,
            deadlineMs: request.deadlineMs,
            signal: request.signal,
          })
    if (request.method === 'HEAD') answer.body.resume()
    return { bytes, header: (name) => answer.header(name) }
  }

  close(): void {
    this.dialler.close()
  }
}
