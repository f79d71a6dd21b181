import { PharosError, type PharosErrorOptions, type ProblemCode } from '@pharos/contracts'

/** Longest detail of an error, in characters: registries are strangers and must not fill logs or tables. */
const DETAIL_LIMIT_CHARACTERS = 500

/**
 * Makes text that came from outside fit for a message: control, format and lone surrogate characters become `?`
 * (no forged log lines, no bidirectional overrides), and it is cut to `limitCharacters`.
 */
export function printable(text: string, limitCharacters = 120): string {
  // Cut before the replacement, so that the work is bounded whatever came over the wire.
  const head = text.slice(0, limitCharacters).replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '?')
  return text.length > limitCharacters ? `${head}…` : head
}

/** A {@link PharosError} whose detail is bounded and printable, whatever parts of it came over the wire. */
export function registryProblem(
  code: ProblemCode,
  detail: string,
  options: Pick<PharosErrorOptions, 'retryAfterMs' | 'cause'> = {},
): PharosError {
  return new PharosError(code, printable(detail, DETAIL_LIMIT_CHARACTERS), options)
}

/** The error of a caller that gave up. */
export function cancelledProblem(): PharosError {
  return registryProblem('cancelled', 'The caller cancelled the request.')
}

/** Throws the `cancelled` problem when the signal has fired. */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw cancelledProblem()
}

/** Longest wait that a registry can ask for: a hostile Retry-After must not park a task for years. */
const RETRY_AFTER_LIMIT_MS = 24 * 3_600_000

/** Milliseconds of a Retry-After header in either form (delta-seconds or HTTP date, RFC 9110 section 10.2.3). */
export function parseRetryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined
  const text = header.trim()
  if (/^\d{1,12}$/.test(text)) return Math.min(Number(text) * 1000, RETRY_AFTER_LIMIT_MS)
  // Date.parse takes nearly anything ("1.5" is a date); only the three HTTP forms begin with a day's name.
  if (!/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(text) || text.length > 64) return undefined
  const atMs = Date.parse(text)
  return Number.isNaN(atMs) ? undefined : Math.min(Math.max(atMs - nowMs, 0), RETRY_AFTER_LIMIT_MS)
}

/** The error codes of the distribution specification; others are not repeated, a registry could echo a secret in one. */
const KNOWN_ERROR_CODES = new Set([
  'BLOB_UNKNOWN',
  'BLOB_UPLOAD_INVALID',
  'BLOB_UPLOAD_UNKNOWN',
  'DIGEST_INVALID',
  'MANIFEST_BLOB_UNKNOWN',
  'MANIFEST_INVALID',
  'MANIFEST_UNKNOWN',
  'NAME_INVALID',
  'NAME_UNKNOWN',
  'SIZE_INVALID',
  'UNAUTHORIZED',
  'DENIED',
  'UNSUPPORTED',
  'TOOMANYREQUESTS',
  'TAG_INVALID',
  'UNKNOWN',
  'UNAVAILABLE',
])

/** The distribution error code in an error body, in brackets, when it is one of the specification's. */
function describeErrorBody(body: string): string {
  const code = /"code"\s*:\s*"([A-Za-z_]{1,40})"/.exec(body)?.[1]?.toUpperCase()
  return code !== undefined && KNOWN_ERROR_CODES.has(code) ? ` (${code})` : ''
}

/** What an HTTP answer other than a success means. `what` names the request, e.g. "the manifest of docker.io/library/alpine:3.18". */
export function problemOfStatus(
  status: number,
  what: string,
  options: { retryAfterMs?: number | undefined; body?: string } = {},
): PharosError {
  const said = `The registry answered ${status}${describeErrorBody(options.body ?? '')} to the request for ${what}.`
  const retry = options.retryAfterMs === undefined ? {} : { retryAfterMs: options.retryAfterMs }
  if (status === 401) return registryProblem('registry-unauthorized', said)
  if (status === 403) return registryProblem('registry-forbidden', said)
  if (status === 404 || status === 410) return registryProblem('manifest-not-found', said)
  if (status === 408) return registryProblem('registry-timeout', said, retry)
  if (status === 429) return registryProblem('registry-rate-limited', said, retry)
  if (status >= 500) return registryProblem('registry-server-error', said, retry)
  return registryProblem('registry-response-invalid', said)
}

const TLS_CODES = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY',
  'HOSTNAME_MISMATCH',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
  'EPROTO',
  'CRL_HAS_EXPIRED',
  'CRL_NOT_YET_VALID',
])
const UNREACHABLE_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'ECONNABORTED',
  'EACCES',
  'EPERM',
  'ERR_STREAM_PREMATURE_CLOSE',
  'EAI_AGAIN',
  'EMFILE',
  'ENFILE',
])
const UNRESOLVED_CODES = new Set(['ENOTFOUND', 'ENODATA', 'EAI_NONAME', 'EAI_NODATA', 'EAI_FAIL'])
const DISK_CODES = new Set(['ENOSPC', 'EDQUOT'])

/** The Node error code (errno, OpenSSL, llhttp) of a failure, searched through its causes; at most eight deep. */
function errorCodeOf(failure: unknown): string | undefined {
  let current: unknown = failure
  for (let depth = 0; depth < 8 && current instanceof Error; depth += 1) {
    if (current instanceof AggregateError && current.errors.length > 0) {
      const code = errorCodeOf(current.errors[0])
      if (code !== undefined) return code
    }
    // axios puts its own ERR_* codes above the cause that says more.
    if (!(current.cause instanceof Error) && 'code' in current && typeof current.code === 'string') return current.code
    current = current.cause
  }
  return failure instanceof Error && 'code' in failure && typeof failure.code === 'string' ? failure.code : undefined
}

/** The PharosError inside a failure: the dialler's own errors arrive wrapped by the HTTP library. */
function pharosErrorOf(failure: unknown): PharosError | undefined {
  let current: unknown = failure
  for (let depth = 0; depth < 8; depth += 1) {
    if (current instanceof PharosError) return current
    if (current instanceof AggregateError) current = current.errors.find((error) => error instanceof PharosError) ?? current.cause
    else if (current instanceof Error) current = current.cause
    else return undefined
  }
  return undefined
}

/**
 * What a failure below HTTP means. The library's error is not kept as the cause: it carries the request with its
 * Authorization header, and parser errors carry raw bytes of the wire.
 */
export function problemOfFailure(failure: unknown, host: string): PharosError {
  const known = pharosErrorOf(failure)
  if (known !== undefined) return known
  const code = errorCodeOf(failure)
  const where = printable(host)
  if (code === undefined) return registryProblem('registry-unreachable', `The connection to ${where} failed.`)
  if (DISK_CODES.has(code)) return registryProblem('disk-full', 'The disk of the blob cache has no room.')
  if (UNRESOLVED_CODES.has(code)) return registryProblem('registry-name-unresolved', `The name ${where} does not resolve (${code}).`)
  if (code === 'ETIMEDOUT' || code === 'ESOCKETTIMEDOUT')
    return registryProblem('registry-timeout', `The connection to ${where} timed out (${code}).`)
  if (TLS_CODES.has(code) || code.startsWith('CERT_') || code.startsWith('ERR_TLS_') || code.startsWith('ERR_SSL_')) {
    return registryProblem('registry-tls-invalid', `The TLS connection to ${where} is not trusted (${printable(code, 60)}).`)
  }
  if (code.startsWith('HPE_') || code.startsWith('Z_') || code === 'ERR_INVALID_CHAR') {
    return registryProblem('registry-response-invalid', `${where} sent something that is not HTTP (${printable(code, 60)}).`)
  }
  if (UNREACHABLE_CODES.has(code)) return registryProblem('registry-unreachable', `${where} cannot be reached (${code}).`)
  return registryProblem('registry-unreachable', `The connection to ${where} failed (${printable(code, 60)}).`)
}
