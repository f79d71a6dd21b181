import { Agent, type IncomingMessage, request } from 'node:http'
import { Agent as SecureAgent, request as requestSecurely } from 'node:https'
import type { Readable } from 'node:stream'
import { durationMs, type HttpMethod, PharosError, Problem } from '@pharos/contracts'
import type { z } from 'zod'
import type { CliConfiguration } from '../configuration.js'

/** One call of the API; `path` is below /api/v1. */
export interface ApiCall {
  method: HttpMethod
  path: string
  query?: Readonly<Record<string, unknown>>
  body?: unknown
  /** Beside those that every call has. */
  headers?: Readonly<Record<string, string>>
  /** Sent as it is, with its media type. */
  stream?: { body: Readable; mediaType: string; sizeBytes: number }
  signal?: AbortSignal
}

/** Talks to the gateway over Node's own HTTP: to load a client library takes longer than most commands. Problems become `PharosError`. */
export class ApiClient {
  private readonly send: typeof request
  private readonly agent: Agent

  constructor(private readonly configuration: CliConfiguration) {
    const isSecure = configuration.server.startsWith('https:')
    this.send = isSecure ? requestSecurely : request
    this.agent = isSecure ? new SecureAgent({ keepAlive: true }) : new Agent({ keepAlive: true })
  }

  /** Calls and parses the answer by its contract. */
  async request<S extends z.ZodType>(call: ApiCall, schema: S): Promise<z.output<S>> {
    const parsed = schema.safeParse(await this.read(call))
    if (!parsed.success)
      throw new PharosError(
        'internal-error',
        `${this.configuration.server} answered in a way that this version of pharos does not understand. Is it a Pharos gateway of the same version?`,
        { cause: parsed.error },
      )
    return parsed.data
  }

  /** Calls without caring for the body of the answer. */
  async call(call: ApiCall): Promise<void> {
    await this.read(call)
  }

  /** Opens an answer as a stream. It has no end that could be timed. */
  async open(call: ApiCall): Promise<Readable> {
    return this.answer(call, call.signal)
  }

  private async read(call: ApiCall): Promise<unknown> {
    // An upload takes what it takes.
    const limits = [
      ...(call.stream ? [] : [AbortSignal.timeout(durationMs(this.configuration.requestTimeout))]),
      ...(call.signal ? [call.signal] : []),
    ]
    const answer = await this.answer(call, AbortSignal.any(limits))
    try {
      return await readJson(answer)
    } catch (error) {
      throw this.unreachable(call, error)
    }
  }

  private async answer(call: ApiCall, signal: AbortSignal | undefined): Promise<IncomingMessage> {
    let answer: IncomingMessage
    try {
      answer = await this.exchange(call, signal)
    } catch (error) {
      throw this.unreachable(call, error)
    }
    if ((answer.statusCode ?? 0) < 300) return answer
    throw await problemOf(answer, this.configuration.server)
  }

  private exchange(
    { method, path, query, body, stream, headers: more }: ApiCall,
    signal: AbortSignal | undefined,
  ): Promise<IncomingMessage> {
    const { server, token } = this.configuration
    const url = new URL(`${server}/api/v1${path}`)
    for (const [name, value] of Object.entries(query ?? {}))
      if (value !== undefined && value !== null) url.searchParams.append(name, typeof value === 'string' ? value : JSON.stringify(value))
    const json = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
    const headers = {
      accept: 'application/json, application/problem+json, text/event-stream',
      'user-agent': 'pharos-cli',
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(stream
        ? { 'content-type': stream.mediaType, 'content-length': stream.sizeBytes }
        : json
          ? { 'content-type': 'application/json', 'content-length': json.byteLength }
          : {}),
      ...more,
    }
    return new Promise((resolve, reject) => {
      const sent = this.send(url, { method, headers, agent: this.agent, ...(signal ? { signal } : {}) }, resolve).once('error', reject)
      if (stream) stream.body.once('error', (error) => sent.destroy(error)).pipe(sent)
      else sent.end(json)
    })
  }

  private unreachable(call: ApiCall, error: unknown): unknown {
    if (call.signal?.aborted) return error
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : ''
    return new PharosError(
      'upstream-unavailable',
      `${this.configuration.server} cannot be reached${code}. Set --server or PHAROS_SERVER.`,
      { cause: error },
    )
  }
}

async function problemOf(answer: IncomingMessage, server: string): Promise<PharosError> {
  const problem = Problem.safeParse(await readJson(answer))
  if (problem.success) return PharosError.fromProblem(problem.data)
  return new PharosError(
    'internal-error',
    `${server} answered ${answer.statusCode ?? 'something'} without problem details. Is it a Pharos gateway?`,
  )
}

async function readJson(stream: Readable): Promise<unknown> {
  stream.setEncoding('utf8')
  let text = ''
  for await (const chunk of stream) text += String(chunk)
  try {
    return JSON.parse(text)
  } catch {
    // Not JSON; the caller says so.
    return undefined
  }
}
