import { Agent, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http'
import { Agent as SecureAgent, request as requestSecurely } from 'node:https'
import { pipeline, Readable } from 'node:stream'
import { PharosError, Problem, type Principal } from '@pharos/contracts'
import type { z } from 'zod'
import { type Clock, systemClock } from '../clock/clock.js'
import { PROBLEM_MEDIA_TYPE } from '../http/problem-filter.js'
import { injectTraceContext } from '../tracing/trace-context.js'
import type { ServiceTokenSigner } from './service-token.js'

export type HttpMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** How another service is reached. */
export interface ServiceClientOptions {
  /** Name of the other service, for messages. */
  readonly target: string
  readonly baseUrl: string
  /** Signs each request; without it requests carry no token. */
  readonly signer?: ServiceTokenSigner
  /** Time to the head of the answer, default 30 s; `stream` bodies may take longer. */
  readonly timeoutMs?: number
  /** Connections kept and used at once; default 64. */
  readonly maxSockets?: number
  /** Tries of an idempotent call when no connection comes about; default 3. */
  readonly attempts?: number
  readonly clock?: Clock
}

/** One call. */
export interface ServiceCall {
  readonly method: HttpMethod
  /** Path under the base address; pieces that vary go through `encodeURIComponent`. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>
  /** A plain value is sent as JSON; a Readable or Buffer as it is, with the content type given in `headers` (octet-stream otherwise). */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string | undefined>>
  /** On whose behalf the call is made. */
  readonly principal?: Principal
  /** A bearer token instead of the service's own, e.g. that of an attempt. */
  readonly bearerToken?: string
  /** May be sent twice; default for GET, HEAD, PUT and DELETE. A Readable body is never sent twice. */
  readonly isIdempotent?: boolean
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
}

/** An answer whose body has not been read. */
export interface StreamedAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Must be read to its end or destroyed, or its connection stays taken. */
  readonly body: Readable
}

/** Largest answer that `request` reads. */
const MAX_JSON_BYTES = 64 * 1024 * 1024
const MAX_PROBLEM_BYTES = 256 * 1024
/** Errors of a connection that did not come about: the request has not reached the other side. */
const CONNECT_ERRORS: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])
/** A kept connection that the other side has closed in the meantime: a call that may be sent twice is. */
const STALE_ERRORS: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE'])

/**
 * Calls one other service over kept connections, signed and traced. A problem answer is thrown as the `PharosError` of its
 * code; no answer at all as `upstream-unavailable`.
 */
export class ServiceClient {
  private readonly baseUrl: string
  private readonly transport: typeof request
  private readonly agent: Agent
  private readonly clock: Clock

  constructor(private readonly options: ServiceClientOptions) {
    const pool = { keepAlive: true, maxSockets: options.maxSockets ?? 64, maxFreeSockets: 16 }
    const isSecure = options.baseUrl.startsWith('https:')
    this.baseUrl = options.baseUrl.replace(/\/+$/, '')
    // Node's own client: every public request passes here, and a client library took more CPU time than all the rest of it.
    this.transport = isSecure ? requestSecurely : request
    this.agent = isSecure ? new SecureAgent(pool) : new Agent(pool)
    this.clock = options.clock ?? systemClock
  }

  /** Calls and parses the answer by its contract; an answer without body is `undefined`. */
  async request<S extends z.ZodType>(call: ServiceCall & { schema: S }): Promise<z.output<S>>
  async request(call: ServiceCall): Promise<undefined>
  async request(call: ServiceCall & { schema?: z.ZodType }): Promise<unknown> {
    const answer = await this.stream({ ...call, headers: { 'accept-encoding': 'identity', ...call.headers } })
    const text = await readText(answer.body, MAX_JSON_BYTES, this.options.target)
    if (call.schema === undefined) return undefined
    let value: unknown
    try {
      value = text === '' ? undefined : JSON.parse(text)
    } catch (error) {
      throw new PharosError(
        'internal-error',
        `${this.options.target} answered ${call.method} ${call.path} with something that is not JSON.`,
        { cause: error },
      )
    }
    const parsed = call.schema.safeParse(value)
    if (!parsed.success) {
      throw new PharosError('internal-error', `${this.options.target} answered ${call.method} ${call.path} outside of the contract.`, {
        cause: parsed.error,
      })
    }
    return parsed.data
  }

  /** Calls and hands the answer on unread; statuses under 400 are answers, problems are thrown. */
  async stream(call: ServiceCall): Promise<StreamedAnswer> {
    const answer = await this.send(call)
    const status = answer.statusCode ?? 0
    if (status < 400) return { status, headers: answer.headers, body: answer }
    throw await this.readProblem(answer, status)
  }

  /** Closes the kept connections. */
  close(): void {
    this.agent.destroy()
  }

  private async send(call: ServiceCall): Promise<IncomingMessage> {
    const isStream = call.body instanceof Readable
    const isRepeatable = !isStream && (call.isIdempotent ?? !['POST', 'PATCH'].includes(call.method))
    const attempts = isRepeatable ? (this.options.attempts ?? 3) : 1
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.sendOnce(call)
      } catch (error) {
        if (call.signal?.aborted === true) throw call.signal.reason
        const code = codeOf(error)
        const mayRepeat = code !== undefined && (CONNECT_ERRORS.has(code) || STALE_ERRORS.has(code))
        if (!mayRepeat || attempt >= attempts) throw this.unavailable(error, code)
        await this.clock.sleep(100 * 2 ** (attempt - 1), call.signal)
      }
    }
  }

  private sendOnce(call: ServiceCall): Promise<IncomingMessage> {
    const body = call.body instanceof Readable || call.body instanceof Uint8Array ? call.body : jsonOf(call.body)
    const timeoutMs = call.timeoutMs ?? this.options.timeoutMs ?? 30_000
    return new Promise((resolve, reject) => {
      const sent = this.transport(this.urlOf(call), {
        method: call.method,
        headers: this.headersOf(call, body),
        agent: this.agent,
        ...(call.signal === undefined ? {} : { signal: call.signal }),
      })
      const timer = setTimeout(() => {
        sent.destroy(new PharosError('upstream-unavailable', `${this.options.target} did not answer within ${timeoutMs} ms.`))
      }, timeoutMs)
      sent.once('response', (answer) => {
        clearTimeout(timer)
        resolve(answer)
      })
      // Not once: what breaks after the head is told by the body as well, and must not end the process.
      sent.on('error', (error) => {
        clearTimeout(timer)
        reject(error)
      })
      if (body instanceof Readable) pipeline(body, sent, (error) => (error ? reject(error) : undefined))
      else sent.end(body)
    })
  }

  private urlOf({ path, query }: ServiceCall): URL {
    const url = new URL(`${this.baseUrl}${path}`)
    for (const [name, value] of Object.entries(query ?? {})) {
      for (const item of Array.isArray(value) ? value : [value]) if (item !== undefined) url.searchParams.append(name, String(item))
    }
    return url
  }

  private headersOf(call: ServiceCall, body: Readable | Uint8Array | undefined): OutgoingHttpHeaders {
    const headers: OutgoingHttpHeaders = { accept: `application/json, ${PROBLEM_MEDIA_TYPE}`, ...injectTraceContext() }
    if (body !== undefined) headers['content-type'] = body === call.body ? 'application/octet-stream' : 'application/json'
    for (const [name, value] of Object.entries(call.headers ?? {})) if (value !== undefined) headers[name.toLowerCase()] = value
    if (body instanceof Uint8Array) headers['content-length'] = body.byteLength
    const token = call.bearerToken ?? this.options.signer?.sign(call.principal)
    if (token !== undefined) headers['authorization'] = `Bearer ${token}`
    return headers
  }

  private unavailable(error: unknown, code: string | undefined): PharosError {
    if (error instanceof PharosError) return error
    return new PharosError('upstream-unavailable', `${this.options.target} cannot be reached${code === undefined ? '' : ` (${code})`}.`, {
      cause: error,
    })
  }

  private async readProblem(answer: IncomingMessage, status: number): Promise<PharosError> {
    const text = await readText(answer, MAX_PROBLEM_BYTES, this.options.target)
    const problem = Problem.safeParse(parseOrUndefined(text))
    if (problem.success) return PharosError.fromProblem(problem.data)
    return new PharosError(
      status >= 500 ? 'upstream-unavailable' : 'internal-error',
      `${this.options.target} answered ${status} without problem details.`,
    )
  }
}

function jsonOf(value: unknown): Buffer | undefined {
  return value === undefined ? undefined : Buffer.from(JSON.stringify(value))
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Not JSON: the caller says so with the status.
    return undefined
  }
}

async function readText(body: Readable, limitBytes: number, target: string): Promise<string> {
  const chunks: Buffer[] = []
  let seenBytes = 0
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      seenBytes += chunk.byteLength
      if (seenBytes > limitBytes) throw new PharosError('internal-error', `${target} answered with more than ${limitBytes} bytes.`)
      chunks.push(chunk)
    }
  } catch (error) {
    if (error instanceof PharosError) throw error
    throw new PharosError('upstream-unavailable', `The answer of ${target} broke off.`, { cause: error })
  }
  return Buffer.concat(chunks).toString('utf8')
}
