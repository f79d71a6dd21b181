import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { Readable } from 'node:stream'
import { PharosError, Problem, type Principal } from '@pharos/contracts'
import axios, { type AxiosInstance, type AxiosResponse } from 'axios'
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
  private readonly axios: AxiosInstance
  private readonly agents: readonly [HttpAgent, HttpsAgent]
  private readonly clock: Clock

  constructor(private readonly options: ServiceClientOptions) {
    const pool = { keepAlive: true, maxSockets: options.maxSockets ?? 64, maxFreeSockets: 16 }
    this.agents = [new HttpAgent(pool), new HttpsAgent(pool)]
    this.clock = options.clock ?? systemClock
    this.axios = axios.create({
      baseURL: options.baseUrl.replace(/\/+$/, ''),
      httpAgent: this.agents[0],
      httpsAgent: this.agents[1],
      // Services call each other directly, whatever HTTP_PROXY says, and never follow a redirect with a token.
      proxy: false,
      maxRedirects: 0,
      decompress: false,
      validateStatus: () => true,
      responseType: 'stream',
      maxBodyLength: Number.POSITIVE_INFINITY,
      transformRequest: [(data: unknown) => data],
      transformResponse: [(data: unknown) => data],
      paramsSerializer: { indexes: null },
    })
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
    const response = await this.send(call)
    if (response.status < 400) {
      return { status: response.status, headers: response.headers as StreamedAnswer['headers'], body: response.data }
    }
    throw await this.readProblem(response)
  }

  /** Closes the kept connections. */
  close(): void {
    for (const agent of this.agents) agent.destroy()
  }

  private async send(call: ServiceCall): Promise<AxiosResponse<Readable>> {
    const isStream = call.body instanceof Readable
    const isRepeatable = !isStream && (call.isIdempotent ?? !['POST', 'PATCH'].includes(call.method))
    const attempts = isRepeatable ? (this.options.attempts ?? 3) : 1
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.sendOnce(call)
      } catch (error) {
        if (call.signal?.aborted === true) throw call.signal.reason
        const code = axios.isAxiosError(error) ? error.code : undefined
        const mayRepeat = code !== undefined && (CONNECT_ERRORS.has(code) || STALE_ERRORS.has(code))
        if (!mayRepeat || attempt >= attempts) throw this.unavailable(error, code)
        await this.clock.sleep(100 * 2 ** (attempt - 1), call.signal)
      }
    }
  }

  private async sendOnce(call: ServiceCall): Promise<AxiosResponse<Readable>> {
    const isRaw = call.body instanceof Readable || call.body instanceof Uint8Array
    const token = call.bearerToken ?? this.options.signer?.sign(call.principal)
    const headers: Record<string, string | false> = { accept: `application/json, ${PROBLEM_MEDIA_TYPE}`, ...injectTraceContext() }
    // Without a body `false` keeps axios from naming one: it would call a POST a form, which nobody here reads.
    headers['content-type'] = call.body === undefined ? false : isRaw ? 'application/octet-stream' : 'application/json'
    for (const [name, value] of Object.entries(call.headers ?? {})) if (value !== undefined) headers[name.toLowerCase()] = value
    if (token !== undefined) headers['authorization'] = `Bearer ${token}`
    const headTimeout = new AbortController()
    const timeoutMs = call.timeoutMs ?? this.options.timeoutMs ?? 30_000
    const timer = setTimeout(() => headTimeout.abort(), timeoutMs)
    try {
      return await this.axios.request<Readable>({
        method: call.method,
        url: call.path,
        params: call.query,
        headers,
        data: call.body === undefined || isRaw ? call.body : JSON.stringify(call.body),
        signal: call.signal === undefined ? headTimeout.signal : AbortSignal.any([call.signal, headTimeout.signal]),
      })
    } catch (error) {
      if (headTimeout.signal.aborted)
        throw new PharosError('upstream-unavailable', `${this.options.target} did not answer within ${timeoutMs} ms.`, { cause: error })
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  private unavailable(error: unknown, code: string | undefined): PharosError {
    if (error instanceof PharosError) return error
    return new PharosError('upstream-unavailable', `${this.options.target} cannot be reached${code === undefined ? '' : ` (${code})`}.`, {
      cause: error,
    })
  }

  private async readProblem(response: AxiosResponse<Readable>): Promise<PharosError> {
    const text = await readText(response.data, MAX_PROBLEM_BYTES, this.options.target)
    const problem = Problem.safeParse(parseOrUndefined(text))
    if (problem.success) return PharosError.fromProblem(problem.data)
    return new PharosError(
      response.status >= 500 ? 'upstream-unavailable' : 'internal-error',
      `${this.options.target} answered ${response.status} without problem details.`,
    )
  }
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
