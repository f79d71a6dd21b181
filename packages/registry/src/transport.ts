import { IncomingMessage } from 'node:http'
import { createGunzip } from 'node:zlib'
import axios, { AxiosHeaders } from 'axios'
import type { Dialler } from './dialler.js'
import { cancelledProblem, parseRetryAfterMs, printable, problemOfFailure, registryProblem, throwIfCancelled } from './registry-problem.js'
import type { RegistryTimeouts } from './registry-policy.js'

/** Hops from a registry to where a blob really is; more is a loop. */
const REDIRECT_LIMIT = 5
/** Error bodies are read this far, for their code only. */
const ERROR_BODY_LIMIT_BYTES = 16 * 1024
/** Longest time that reading a short body away may take. */
const DISCARD_LIMIT_MS = 5_000

/** One request to a registry or token server. */
export interface HttpRequest {
  url: URL
  method?: 'GET' | 'HEAD' | 'POST'
  headers?: Record<string, string>
  /** Sent to the URL's own origin only, never along a redirect to another. */
  authorization?: string | undefined
  body?: string
  /** Redirects are refused when false: a request that carries a secret in its body must not travel. */
  isRedirectAllowed?: boolean
  /** Time at which the request must be over, on the clock of `performance.now()`. */
  deadlineMs: number
  signal?: AbortSignal | undefined
}

/** The head of an answer; its body is read with {@link readBody} or {@link readBounded}, or given up with {@link discard}. */
export interface HttpAnswer {
  status: number
  /** The request was HEAD: whatever the header states, there is no body. */
  isHead: boolean
  header(name: string): string | undefined
  body: IncomingMessage
  /** Where the answer came from, after redirects. */
  url: URL
  retryAfterMs: number | undefined
}

/** What a transport works with. */
export interface TransportOptions {
  dialler: Dialler
  timeouts: RegistryTimeouts
  userAgent: string
}

// An instance of its own: nobody else's defaults or interceptors see these requests.
const client = axios.create({
  proxy: false,
  maxRedirects: 0,
  decompress: false,
  responseType: 'stream',
  validateStatus: () => true,
  maxBodyLength: 64 * 1024,
  transformRequest: [(data: unknown) => data],
  transformResponse: [(data: unknown) => data],
})

async function sendOnce(options: TransportOptions, request: HttpRequest, url: URL, authorization: string | undefined): Promise<HttpAnswer> {
  throwIfCancelled(request.signal)
  // Ends the wait for the answer's head; once the head is here, the body has its own limits.
  const headController = new AbortController()
  let stopped: Error | undefined
  const stop = (reason: Error): void => {
    stopped ??= reason
    headController.abort()
  }
  const onCancel = (): void => stop(cancelledProblem())
  const leftMs = request.deadlineMs - performance.now()
  const waitMs = Math.max(1, Math.min(options.timeouts.connectMs + options.timeouts.headersMs, leftMs))
  const timer = setTimeout(
    () => stop(registryProblem('registry-timeout', `${printable(url.host)} did not answer within ${Math.round(waitMs)} ms.`)),
    waitMs,
  )
  request.signal?.addEventListener('abort', onCancel, { once: true })
  try {
    const answer = await client.request<IncomingMessage>({
      url: url.href,
      method: request.method ?? 'GET',
      headers: {
        'User-Agent': options.userAgent,
        'Accept-Encoding': 'identity',
        ...request.headers,
        ...(authorization === undefined ? {} : { Authorization: authorization }),
      },
      ...(request.body === undefined ? {} : { data: request.body }),
      httpAgent: options.dialler.httpAgent,
      httpsAgent: options.dialler.httpsAgent,
      signal: headController.signal,
    })
    if (!(answer.data instanceof IncomingMessage))
      throw registryProblem('registry-response-invalid', `${printable(url.host)} gave no readable answer.`)
    const headers = AxiosHeaders.from(answer.headers as AxiosHeaders)
    const header = (name: string): string | undefined => {
      const value = headers.get(name)
      return typeof value === 'string' ? value : Array.isArray(value) ? value.join(', ') : undefined
    }
    return {
      status: answer.status,
      isHead: request.method === 'HEAD',
      header,
      body: answer.data,
      url,
      retryAfterMs: parseRetryAfterMs(header('retry-after'), Date.now()),
    }
  } catch (error) {
    throw stopped ?? problemOfFailure(error, url.host)
  } finally {
    clearTimeout(timer)
    request.signal?.removeEventListener('abort', onCancel)
  }
}

function nextHop(from: URL, location: string | undefined): URL {
  if (location === undefined || location.length > 8192 || !URL.canParse(location, from.href)) {
    throw registryProblem('registry-response-invalid', `${printable(from.host)} redirects without a usable Location.`)
  }
  const to = new URL(location, from)
  if (to.protocol !== 'https:' && to.protocol !== 'http:')
    throw registryProblem('registry-response-invalid', `${printable(from.host)} redirects to the scheme ${printable(to.protocol, 20)}.`)
  if (from.protocol === 'https:' && to.protocol === 'http:')
    throw registryProblem(
      'registry-response-invalid',
      `${printable(from.host)} redirects from https to http (${printable(to.host)}); that is refused.`,
    )
  // A user part would be turned into an Authorization header.
  to.username = ''
  to.password = ''
  to.hash = ''
  return to
}

/**
 * Sends a request and follows redirects: at most five, never from https to http, with the Authorization header on the
 * first origin only. Every hop is dialled through the registry's own agents, which check its address.
 * @throws PharosError for whatever happens below HTTP; any status is an answer.
 */
export async function send(options: TransportOptions, request: HttpRequest): Promise<HttpAnswer> {
  let url = request.url
  for (let hop = 0; ; hop += 1) {
    const answer = await sendOnce(options, request, url, url.origin === request.url.origin ? request.authorization : undefined)
    if (![301, 302, 303, 307, 308].includes(answer.status)) return answer
    discard(answer)
    if (request.isRedirectAllowed === false)
      throw registryProblem('registry-response-invalid', `${printable(url.host)} redirects where no redirect is followed.`)
    if (hop >= REDIRECT_LIMIT)
      throw registryProblem('registry-response-invalid', `${printable(request.url.host)} redirects more than ${REDIRECT_LIMIT} times.`)
    url = nextHop(url, answer.header('location'))
  }
}

/** Gives an answer's body up. A short one is read away, so that its connection can be used again; any other closes it. */
export function discard(answer: HttpAnswer): void {
  const { body } = answer
  body.on('error', () => {
    /* nobody waits for this body */
  })
  const stated = answer.header('content-length')
  const isShort = answer.isHead || (stated !== undefined && Number(stated) <= ERROR_BODY_LIMIT_BYTES)
  if (!isShort || body.destroyed) {
    body.destroy()
    return
  }
  const timer = setTimeout(() => body.destroy(), DISCARD_LIMIT_MS)
  timer.unref()
  body.once('close', () => clearTimeout(timer))
  body.resume()
}

/**
 * The body in chunks. Silence longer than `idleMs`, the deadline and the signal each end it with their problem; the
 * consumer's own slowness does not count as silence.
 */
export async function* readBody(
  answer: HttpAnswer,
  limits: { idleMs: number; deadlineMs: number; signal?: AbortSignal | undefined },
): AsyncGenerator<Buffer, void, undefined> {
  const host = printable(answer.url.host)
  let stopped: Error | undefined
  const stop = (reason: Error): void => {
    stopped ??= reason
    answer.body.destroy(stopped)
  }
  const onCancel = (): void => stop(cancelledProblem())
  const deadline = setTimeout(
    () => stop(registryProblem('registry-timeout', `${host} did not finish its answer in time.`)),
    Math.max(1, limits.deadlineMs - performance.now()),
  )
  limits.signal?.addEventListener('abort', onCancel, { once: true })
  if (limits.signal?.aborted === true) onCancel()
  const chunks = answer.body[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  try {
    for (;;) {
      const idle = setTimeout(
        () => stop(registryProblem('registry-timeout', `${host} was silent for ${limits.idleMs} ms in the middle of its answer.`)),
        limits.idleMs,
      )
      let step: IteratorResult<Buffer>
      try {
        step = await chunks.next()
      } finally {
        clearTimeout(idle)
      }
      if (stopped !== undefined) throw stopped
      if (step.done === true) return
      yield step.value
    }
  } catch (error) {
    throw stopped ?? problemOfFailure(error, answer.url.host)
  } finally {
    clearTimeout(deadline)
    limits.signal?.removeEventListener('abort', onCancel)
    if (!answer.body.readableEnded) {
      answer.body.on('error', () => {
        /* its failure was thrown above */
      })
      answer.body.destroy()
    }
  }
}

/** How much of a short body is read and how long. */
export interface BoundedRead {
  limitBytes: number
  idleMs: number
  deadlineMs: number
  signal?: AbortSignal | undefined
  /** Thrown when the body is larger. */
  tooLarge: () => Error
}

async function gunzipBounded(bytes: Buffer, host: string, read: BoundedRead): Promise<Buffer> {
  const gunzip = createGunzip()
  const parts: Buffer[] = []
  let size = 0
  gunzip.end(bytes)
  try {
    for await (const part of gunzip as AsyncIterable<Buffer>) {
      size += part.length
      if (size > read.limitBytes) throw read.tooLarge()
      parts.push(part)
    }
  } catch (error) {
    throw problemOfFailure(error, host)
  }
  return Buffer.concat(parts)
}

/**
 * The whole of a short body. A server that compresses although it was asked not to is understood (gzip), and the limit
 * holds for what comes out of it.
 */
export async function readBounded(answer: HttpAnswer, read: BoundedRead): Promise<Buffer> {
  const stated = Number(answer.header('content-length') ?? '0')
  if (stated > read.limitBytes) {
    discard(answer)
    throw read.tooLarge()
  }
  const parts: Buffer[] = []
  let size = 0
  for await (const part of readBody(answer, read)) {
    size += part.length
    if (size > read.limitBytes) throw read.tooLarge()
    parts.push(part)
  }
  const bytes = Buffer.concat(parts)
  const encoding = (answer.header('content-encoding') ?? 'identity').trim().toLowerCase()
  if (encoding === 'identity' || encoding === '') return bytes
  if (encoding === 'gzip' || encoding === 'x-gzip') return gunzipBounded(bytes, answer.url.host, read)
  throw registryProblem(
    'registry-response-invalid',
    `${printable(answer.url.host)} sent the content encoding ${printable(encoding, 30)}, which was not asked for.`,
  )
}

/** The beginning of an error's body; a body that cannot be read says nothing and changes nothing. */
export async function readErrorBody(answer: HttpAnswer, limits: { idleMs: number; deadlineMs: number }): Promise<string> {
  const parts: Buffer[] = []
  let size = 0
  try {
    for await (const part of readBody(answer, limits)) {
      parts.push(part)
      size += part.length
      if (size >= ERROR_BODY_LIMIT_BYTES) break
    }
  } catch {
    // The status is the error; its body is only decoration.
  }
  return Buffer.concat(parts).subarray(0, ERROR_BODY_LIMIT_BYTES).toString('utf8')
}
