import { z } from 'zod'
import { defineSchema } from './schema.js'

/**
 * How a failure is treated by the scan pipeline.
 * - `transient`: retried with exponential back-off and jitter.
 * - `permanent`: the task ends at once with the problem.
 * - `none`: never ends a task (an answer to an API caller).
 */
export type FailureClass = 'transient' | 'permanent' | 'none'

/** Level at which a failure is logged where it is handled: the caller's mistake is `info`, our own bug is `error`. */
export type ProblemLogLevel = 'info' | 'warn' | 'error'

/** What is fixed for every occurrence of a problem: RFC 9457 `title` and `status`, and how Pharos treats it. */
export interface ProblemDefinition {
  title: string
  status: number
  failureClass: FailureClass
  logLevel: ProblemLogLevel
}

function problem(
  status: number,
  title: string,
  failureClass: FailureClass = 'none',
  logLevel: ProblemLogLevel = 'info',
): ProblemDefinition {
  return { title, status, failureClass, logLevel }
}

/**
 * Every problem that Pharos answers or ends a task with. The key is the problem's code; its type URI is
 * `https://pharos.dev/problems/<code>`.
 */
export const problemDefinitions = {
  // Requests
  'request-invalid': problem(400, 'The request does not fit the contract'),
  'json-invalid': problem(400, 'The body is not valid JSON'),
  'json-duplicate-key': problem(400, 'The body holds a key twice'),
  'cursor-invalid': problem(400, 'The cursor was not made by this list'),
  'filter-invalid': problem(400, 'The filter does not parse'),
  unauthenticated: problem(401, 'Sign in first'),
  forbidden: problem(403, 'Your role or scope does not allow this'),
  'not-found': problem(404, 'There is nothing here'),
  'method-not-allowed': problem(405, 'This method is not served here'),
  conflict: problem(409, 'The request contradicts the present state'),
  'idempotency-conflict': problem(422, 'The idempotency key was used with another request'),
  'idempotency-in-flight': problem(409, 'A request with this idempotency key is still being answered'),
  'precondition-required': problem(428, 'Say which state of the resource you change'),
  'precondition-failed': problem(412, 'The resource has changed since you read it'),
  'request-too-large': problem(413, 'The request is larger than allowed'),
  'media-type-not-accepted': problem(415, 'The body has a media type that is not read here'),
  'rate-limited': problem(429, 'Too many requests'),
  'too-many-in-flight': problem(503, 'Too many requests are being answered', 'transient', 'warn'),
  'upstream-unavailable': problem(503, 'A part of Pharos cannot be reached', 'transient', 'warn'),
  busy: problem(503, 'Results come in faster than they are stored', 'transient', 'warn'),
  'internal-error': problem(500, 'Something went wrong inside Pharos', 'transient', 'error'),
  // References and registries
  'reference-invalid': problem(400, 'The image reference does not parse', 'permanent'),
  'platform-invalid': problem(400, 'The platform does not parse', 'permanent'),
  'engine-unknown': problem(400, 'There is no such engine', 'permanent'),
  'platform-not-found': problem(422, 'The image does not exist for this platform', 'permanent'),
  'manifest-not-found': problem(422, 'The registry does not know this image', 'permanent'),
  'registry-unauthorized': problem(422, 'The registry wants other credentials', 'permanent'),
  'registry-forbidden': problem(422, 'The registry refuses access to this image', 'permanent'),
  'registry-unreachable': problem(502, 'The registry cannot be reached', 'transient'),
  'registry-name-unresolved': problem(422, 'The registry name does not resolve', 'transient'),
  'registry-timeout': problem(504, 'The registry did not answer in time', 'transient'),
  'registry-rate-limited': problem(429, 'The registry limits our requests', 'transient'),
  'registry-server-error': problem(502, 'The registry failed', 'transient'),
  'registry-response-invalid': problem(502, 'The registry sent something that is not an answer', 'permanent'),
  'registry-address-forbidden': problem(422, 'The registry leads to an address that is not allowed', 'permanent'),
  'registry-tls-invalid': problem(422, 'The certificate of the registry is not trusted', 'permanent'),
  'registry-credential-unavailable': problem(422, 'The credential for the registry cannot be used', 'permanent', 'warn'),
  'media-type-unsupported': problem(422, 'The image has a media type that cannot be scanned', 'permanent'),
  // Images
  'image-digest-mismatch': problem(422, 'A part of the image does not have its digest', 'permanent'),
  'image-truncated': problem(422, 'A part of the image ended too early', 'transient'),
  'image-size-mismatch': problem(422, 'A part of the image does not have its stated size', 'permanent'),
  'image-corrupt': problem(422, 'The image cannot be read', 'permanent'),
  'image-too-large': problem(422, 'The image is larger than the limit', 'permanent'),
  'image-platform-unsupported': problem(422, 'Images of this operating system cannot be scanned', 'permanent'),
  'vex-invalid': problem(422, 'The VEX document cannot be read'),
  'sbom-invalid': problem(422, 'The SBOM cannot be read', 'permanent'),
  // Enrichers
  'enricher-set-invalid': problem(422, 'The set of enrichers has mistakes'),
  'enrichers-unavailable': problem(503, 'No worker has run the enrichers in time', 'transient', 'warn'),
  // Scanning
  'engine-unavailable': problem(503, 'No scan engine is at hand', 'transient', 'warn'),
  'engine-crashed': problem(500, 'The scan engine died', 'transient', 'warn'),
  'engine-timeout': problem(504, 'The scan engine did not finish in time', 'transient', 'warn'),
  'engine-failed': problem(500, 'The scan engine failed', 'transient', 'warn'),
  'engine-out-of-memory': problem(500, 'The scan engine ran out of memory', 'transient', 'warn'),
  'engine-output-invalid': problem(500, 'The output of the scan engine cannot be read', 'transient', 'warn'),
  'catalogue-failed': problem(422, 'The contents of the image could not be catalogued', 'permanent', 'warn'),
  'database-missing': problem(503, 'There is no vulnerability database', 'transient', 'warn'),
  'database-damaged': problem(422, 'The vulnerability database is damaged', 'permanent', 'warn'),
  'database-unsupported': problem(422, 'The vulnerability database has another schema', 'permanent', 'warn'),
  'database-canary-failed': problem(422, 'The vulnerability database misses what it must know', 'permanent', 'warn'),
  'database-older': problem(409, 'The vulnerability database is not newer than the active one', 'permanent'),
  'database-feed-invalid': problem(502, 'The feed of the vulnerability database cannot be used', 'transient', 'warn'),
  'disk-full': problem(507, 'There is no room on the disk', 'transient', 'warn'),
  'worker-lost': problem(500, 'The worker stopped answering', 'transient', 'warn'),
  quarantined: problem(422, 'The image killed its workers and was put aside', 'permanent', 'warn'),
  cancelled: problem(409, 'The scan was cancelled', 'permanent'),
  'attempt-superseded': problem(409, 'This attempt is no longer the current one'),
  'report-invalid': problem(422, 'The scan report does not fit the contract', 'permanent', 'warn'),
  'horizon-exceeded': problem(410, 'History does not reach back that far'),
  'cursor-expired': problem(410, 'The cursor is older than the changes that are kept'),
} as const satisfies Record<string, ProblemDefinition>

/** The stable name of a problem. */
export type ProblemCode = keyof typeof problemDefinitions

/** All problem codes, in the order of their definition. */
export const problemCodes = Object.keys(problemDefinitions) as [ProblemCode, ...ProblemCode[]]

/** The RFC 9457 type URI of a problem code. */
export function problemType(code: ProblemCode): string {
  return `https://pharos.dev/problems/${code}`
}

export const ProblemCodeSchema = z.enum(problemCodes)

/** One place in the request that is wrong: a JSON pointer (RFC 6901, as a URI fragment) and what is wrong there. */
export const ProblemPointer = defineSchema(
  'ProblemPointer',
  z.object({
    pointer: z.string().describe('JSON pointer into the request, e.g. #/body/image or #/query/limit'),
    detail: z.string().describe('What is wrong there and what to do'),
    position: z.int().min(0).optional().describe('Character of the value at which it goes wrong, counted from 0: of a filter'),
  }),
  { pointer: '#/body/image', detail: 'An image reference is needed, e.g. alpine:3.18' },
)
export type ProblemPointer = z.infer<typeof ProblemPointer>

/** Problem details for HTTP APIs (RFC 9457): the one shape of every error that Pharos answers. */
export const Problem = defineSchema(
  'Problem',
  z.object({
    type: z.string().describe('URI that names the kind of problem'),
    title: z.string().describe('Short sentence, the same for every occurrence of this type'),
    status: z.int().min(100).max(599).describe('HTTP status code'),
    code: ProblemCodeSchema.describe('Last segment of the type, for programs'),
    detail: z.string().optional().describe('What happened this time and what to do'),
    instance: z.string().optional().describe('Path of the request'),
    errors: z.array(ProblemPointer).optional().describe('Places in the request that are wrong'),
    traceId: z.string().optional().describe('Trace id to quote in a report, 32 hex digits'),
    retryAfterSeconds: z.int().min(0).optional().describe('Seconds after which a retry makes sense'),
  }),
  {
    type: 'https://pharos.dev/problems/reference-invalid',
    title: 'The image reference does not parse',
    status: 400,
    code: 'reference-invalid',
    detail: 'The reference begins with "-".',
    instance: '/api/v1/scans',
  },
)
export type Problem = z.infer<typeof Problem>

/** What a task or an engine result keeps of a failure. */
export const FailureReason = defineSchema(
  'FailureReason',
  z.object({
    code: ProblemCodeSchema.describe('The problem code'),
    detail: z.string().max(2000).describe('What happened, without secrets'),
    paths: z.array(z.string()).max(200).optional().describe('Files in the image that are concerned'),
    packages: z.array(z.string()).max(200).optional().describe('Packages that are concerned, as purl or name@version'),
  }),
  { code: 'registry-unauthorized', detail: 'The registry answered 401 to the manifest of library/alpine.' },
)
export type FailureReason = z.infer<typeof FailureReason>
