import type { Readable } from 'node:stream'
import { durationMs, type HttpMethod, PharosError, Problem } from '@pharos/contracts'
import axios, { type AxiosInstance, type AxiosResponse } from 'axios'
import type { z } from 'zod'
import type { CliConfiguration } from '../configuration.js'

/** One call of the API; `path` is below /api/v1. */
export interface ApiCall {
  method: HttpMethod
  path: string
  query?: Readonly<Record<string, unknown>>
  body?: unknown
  /** Sent as it is, with its media type. */
  stream?: { body: Readable; mediaType: string; sizeBytes: number }
  signal?: AbortSignal
}

/** Talks to the gateway; problems become `PharosError`. */
export class ApiClient {
  private readonly http: AxiosInstance

  constructor(private readonly configuration: CliConfiguration) {
    this.http = axios.create({
      baseURL: `${configuration.server}/api/v1`,
      headers: { ...(configuration.token === null ? {} : { authorization: `Bearer ${configuration.token}` }), 'user-agent': 'pharos-cli' },
      timeout: durationMs(configuration.requestTimeout),
      validateStatus: () => true,
      maxRedirects: 0,
      maxBodyLength: Number.POSITIVE_INFINITY,
    })
  }

  /** Calls and parses the answer by its contract. */
  async request<S extends z.ZodType>(call: ApiCall, schema: S): Promise<z.output<S>> {
    const response = await this.send<unknown>(call, 'json')
    const parsed = schema.safeParse(response.data)
    if (!parsed.success) throw new PharosError('internal-error', `${this.configuration.server} answered in a way that this version of pharos does not understand. Is it a Pharos gateway of the same version?`, { cause: parsed.error })
    return parsed.data
  }

  /** Calls without caring for the body of the answer. */
  async call(call: ApiCall): Promise<void> {
    await this.send(call, 'json')
  }

  /** Opens an answer as a stream. */
  async open(call: ApiCall): Promise<Readable> {
    return (await this.send<Readable>(call, 'stream')).data
  }

  private async send<T>(call: ApiCall, responseType: 'json' | 'stream'): Promise<AxiosResponse<T>> {
    let response: AxiosResponse<T>
    try {
      response = await this.http.request<T>({
        method: call.method, url: call.path, params: call.query, responseType, data: call.stream?.body ?? call.body,
        headers: call.stream ? { 'content-type': call.stream.mediaType, 'content-length': String(call.stream.sizeBytes) } : call.body === undefined ? {} : { 'content-type': 'application/json' },
        // A stream has no end that could be timed, an upload takes what it takes.
        ...(responseType === 'stream' || call.stream ? { timeout: 0 } : {}),
        ...(call.signal ? { signal: call.signal } : {}),
      })
    } catch (error) {
      if (call.signal?.aborted) throw error
      const code = axios.isAxiosError(error) ? error.code : undefined
      throw new PharosError('upstream-unavailable', `${this.configuration.server} cannot be reached${code ? ` (${code})` : ''}. Set --server or PHAROS_SERVER.`, { cause: error })
    }
    if (response.status < 300) return response
    throw await problemOf(response, this.configuration.server)
  }
}

async function problemOf(response: AxiosResponse<unknown>, server: string): Promise<PharosError> {
  const body = isReadable(response.data) ? await readJson(response.data) : response.data
  const problem = Problem.safeParse(body)
  if (problem.success) return PharosError.fromProblem(problem.data)
  return new PharosError('internal-error', `${server} answered ${response.status} without problem details. Is it a Pharos gateway?`)
}

function isReadable(value: unknown): value is Readable {
  return typeof value === 'object' && value !== null && 'pipe' in value
}

async function readJson(stream: Readable): Promise<unknown> {
  let text = ''
  for await (const chunk of stream) text += String(chunk)
  try {
    return JSON.parse(text)
  } catch {
    // Not a problem document; the caller says so with the status.
    return undefined
  }
}
