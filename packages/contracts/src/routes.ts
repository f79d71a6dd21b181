import { z } from 'zod'
import { AffectedCount, AuditPage, DatabaseGeneration, DatabaseGenerationPage, ImportDatabaseQuery, KeyRotation, ListAuditQuery, PatchSchedule, PutRegistry, QueueList, QueueStatus, Registry, RegistryPage, Schedule, SchedulePage, SystemStatus, TaskSelection, TokenPage, UserPage } from './administration.js'
import { FindingPage, ListFindingsQuery, MisconfigurationFindingPage, SecretFindingPage, VulnerabilityDetail } from './finding.js'
import { CreateWatch, ImageContextPage, ImageDetail, ImagePackagePage, ImagePage, ListImagesQuery, ListPackagesQuery, SbomQuery, ScanResult, Watch, WatchPage } from './image.js'
import { Digest, EngineName, PageQuery, Priority, Uuid } from './primitives.js'
import { CreatedToken, CreateToken, CreateUser, Principal, type Role, User } from './principal.js'
import type { ProblemCode } from './problem.js'
import { BatchOutcome, ListScansQuery, ScanTask, ScanTaskPage, SubmitBatch, SubmitScan, SubmitScanQuery } from './scan.js'

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** One public route: what the gateway checks, what it answers, and who answers it. */
export interface RouteDefinition {
  /** Unique name; OpenAPI's operationId. */
  operation: string
  method: HttpMethod
  /** Path under /api/v1; parameters in braces, actions after a colon, e.g. /scans:batch or /scans/{id}:replay. */
  path: string
  summary: string
  tag: string
  /** Role that the caller needs; `none` is open. */
  role: Role | 'none'
  params?: Readonly<Record<string, z.ZodType>>
  query?: z.ZodObject
  /** JSON body; `raw` bodies are streamed and not parsed by the gateway. */
  body?: { schema: z.ZodType; limitBytes?: number } | { raw: string; limitBytes: number }
  responses: Readonly<Record<number, { description: string; schema?: z.ZodType; mediaType?: string }>>
  problems?: readonly ProblemCode[]
  /** Accepts an Idempotency-Key header. */
  isIdempotent?: true
  /** Handled in the gateway; everything else is answered by results-service and streamed through. */
  handledBy?: 'gateway'
}

const mebibyte = 1024 * 1024
const id = { id: Uuid }
const digest = { digest: Digest }

/** Every public route of Pharos. */
export const routes = [
  { operation: 'submitScan', method: 'POST', path: '/scans', tag: 'Scans', role: 'scanner', summary: 'Submit an image to be scanned', query: SubmitScanQuery, body: { schema: SubmitScan, limitBytes: mebibyte }, isIdempotent: true, handledBy: 'gateway',
    responses: { 202: { description: 'Accepted; see Location', schema: ScanTask }, 200: { description: 'The result was ready in time, or a fresh one was stored', schema: ScanResult } }, problems: ['reference-invalid', 'platform-invalid', 'engine-unknown', 'idempotency-conflict', 'idempotency-in-flight'] },
  { operation: 'submitBatch', method: 'POST', path: '/scans:batch', tag: 'Scans', role: 'scanner', summary: 'Submit up to 10,000 images; each gets its own outcome (application/json, or application/x-ndjson with one item a line)', body: { raw: 'application/json, application/x-ndjson', limitBytes: 32 * mebibyte }, isIdempotent: true,
    responses: { 202: { description: 'Outcome of each item', schema: BatchOutcome } } },
  { operation: 'listScans', method: 'GET', path: '/scans', tag: 'Scans', role: 'viewer', summary: 'List scan tasks, newest first', query: ListScansQuery, responses: { 200: { description: 'A page', schema: ScanTaskPage } }, problems: ['cursor-invalid'] },
  { operation: 'getScan', method: 'GET', path: '/scans/{id}', tag: 'Scans', role: 'viewer', summary: 'A scan task', params: id, responses: { 200: { description: 'The task', schema: ScanTask } } },
  { operation: 'getScanResult', method: 'GET', path: '/scans/{id}/result', tag: 'Scans', role: 'viewer', summary: 'The result of an ended task', params: id, responses: { 200: { description: 'The result', schema: ScanResult } }, problems: ['conflict'] },
  { operation: 'cancelScan', method: 'DELETE', path: '/scans/{id}', tag: 'Scans', role: 'scanner', summary: 'Detach the task; a run that others wait for goes on', params: id, responses: { 200: { description: 'The task', schema: ScanTask } } },
  { operation: 'streamScan', method: 'GET', path: '/scans/{id}/events', tag: 'Scans', role: 'viewer', summary: 'Progress of a task as server-sent events, until it ends', params: id, handledBy: 'gateway', responses: { 200: { description: 'Events named task with a ScanProgress each', mediaType: 'text/event-stream' } } },
  { operation: 'replayScans', method: 'POST', path: '/scans:replay', tag: 'Scans', role: 'admin', summary: 'Scan ended tasks again', body: { schema: TaskSelection }, responses: { 200: { description: 'How many', schema: AffectedCount } } },
  { operation: 'cancelScans', method: 'POST', path: '/scans:cancel', tag: 'Scans', role: 'admin', summary: 'Cancel the tasks of a cohort that have not ended', body: { schema: TaskSelection }, responses: { 200: { description: 'How many', schema: AffectedCount } } },
  { operation: 'pauseCohort', method: 'POST', path: '/cohorts/{cohort}:pause', tag: 'Scans', role: 'admin', summary: 'Hold the waiting tasks of a cohort', params: { cohort: z.string().max(100) }, responses: { 200: { description: 'How many wait', schema: AffectedCount } } },
  { operation: 'resumeCohort', method: 'POST', path: '/cohorts/{cohort}:resume', tag: 'Scans', role: 'admin', summary: 'Let the tasks of a cohort go on', params: { cohort: z.string().max(100) }, responses: { 200: { description: 'How many wait', schema: AffectedCount } } },
  { operation: 'submitSbom', method: 'POST', path: '/sboms', tag: 'Scans', role: 'scanner', summary: 'Submit an SBOM (Syft JSON, CycloneDX JSON or SPDX JSON) instead of an image', query: z.object({ name: z.string().min(1).max(255).describe('Name to list it under') }), body: { raw: 'application/json', limitBytes: 64 * mebibyte }, responses: { 202: { description: 'Accepted', schema: ScanTask } }, problems: ['sbom-invalid'] },

  { operation: 'listQueues', method: 'GET', path: '/queues', tag: 'Queues', role: 'viewer', summary: 'Queues by priority', responses: { 200: { description: 'Queues', schema: QueueList } } },
  { operation: 'pauseQueue', method: 'POST', path: '/queues/{lane}:pause', tag: 'Queues', role: 'admin', summary: 'Start no more work of this priority', params: { lane: Priority }, responses: { 200: { description: 'The queue', schema: QueueStatus } } },
  { operation: 'resumeQueue', method: 'POST', path: '/queues/{lane}:resume', tag: 'Queues', role: 'admin', summary: 'Let work of this priority go on', params: { lane: Priority }, responses: { 200: { description: 'The queue', schema: QueueStatus } } },

  { operation: 'listImages', method: 'GET', path: '/images', tag: 'Images', role: 'viewer', summary: 'List images', query: ListImagesQuery, responses: { 200: { description: 'A page', schema: ImagePage } }, problems: ['cursor-invalid', 'filter-invalid'] },
  { operation: 'getImage', method: 'GET', path: '/images/{digest}', tag: 'Images', role: 'viewer', summary: 'An image; manifest, index and config digests are understood', params: digest, responses: { 200: { description: 'The image', schema: ImageDetail } } },
  { operation: 'removeImage', method: 'DELETE', path: '/images/{digest}', tag: 'Images', role: 'admin', summary: 'Remove an image and all that is known of it', params: digest, responses: { 204: { description: 'Removed' } } },
  { operation: 'listFindings', method: 'GET', path: '/images/{digest}/findings', tag: 'Images', role: 'viewer', summary: 'Vulnerabilities of an image', params: digest, query: ListFindingsQuery, responses: { 200: { description: 'A page', schema: FindingPage } }, problems: ['cursor-invalid', 'filter-invalid'] },
  { operation: 'listSecrets', method: 'GET', path: '/images/{digest}/secrets', tag: 'Images', role: 'viewer', summary: 'Secrets found in an image, masked', params: digest, query: PageQuery, responses: { 200: { description: 'A page', schema: SecretFindingPage } } },
  { operation: 'listMisconfigurations', method: 'GET', path: '/images/{digest}/misconfigurations', tag: 'Images', role: 'viewer', summary: 'Misconfigurations of an image', params: digest, query: PageQuery, responses: { 200: { description: 'A page', schema: MisconfigurationFindingPage } } },
  { operation: 'listPackages', method: 'GET', path: '/images/{digest}/packages', tag: 'Images', role: 'viewer', summary: 'Packages of an image', params: digest, query: ListPackagesQuery, responses: { 200: { description: 'A page', schema: ImagePackagePage } } },
  { operation: 'getSbom', method: 'GET', path: '/images/{digest}/sbom', tag: 'Images', role: 'viewer', summary: 'The SBOM of an image', params: digest, query: SbomQuery, responses: { 200: { description: 'The SBOM', mediaType: 'application/json' } } },
  { operation: 'listContexts', method: 'GET', path: '/images/{digest}/contexts', tag: 'Images', role: 'viewer', summary: 'Contexts of an image', params: digest, responses: { 200: { description: 'Contexts', schema: ImageContextPage } } },
  { operation: 'getVulnerability', method: 'GET', path: '/vulnerabilities/{id}', tag: 'Vulnerabilities', role: 'viewer', summary: 'A vulnerability by any of its ids, and the images that it affects', params: { id: z.string().max(100) }, query: PageQuery, responses: { 200: { description: 'The vulnerability', schema: VulnerabilityDetail } } },

  { operation: 'listRegistries', method: 'GET', path: '/registries', tag: 'Registries', role: 'admin', summary: 'Registries with settings or a credential', query: PageQuery, responses: { 200: { description: 'A page', schema: RegistryPage } } },
  { operation: 'putRegistry', method: 'PUT', path: '/registries/{host}', tag: 'Registries', role: 'admin', summary: 'Create or replace the settings of a registry; a credential left out is kept', params: { host: z.string().max(255) }, body: { schema: PutRegistry }, responses: { 200: { description: 'The registry', schema: Registry } } },
  { operation: 'getRegistry', method: 'GET', path: '/registries/{host}', tag: 'Registries', role: 'admin', summary: 'A registry', params: { host: z.string().max(255) }, responses: { 200: { description: 'The registry', schema: Registry } } },
  { operation: 'removeRegistry', method: 'DELETE', path: '/registries/{host}', tag: 'Registries', role: 'admin', summary: 'Remove the settings and the credential of a registry', params: { host: z.string().max(255) }, responses: { 204: { description: 'Removed' } } },
  { operation: 'rotateRegistryKey', method: 'POST', path: '/registries:rotate-key', tag: 'Registries', role: 'admin', summary: 'Encrypt all stored credentials with the newest key', responses: { 200: { description: 'How many', schema: KeyRotation } } },
  { operation: 'listWatches', method: 'GET', path: '/watches', tag: 'Registries', role: 'viewer', summary: 'Watched repositories', query: PageQuery, responses: { 200: { description: 'A page', schema: WatchPage } } },
  { operation: 'createWatch', method: 'POST', path: '/watches', tag: 'Registries', role: 'admin', summary: 'Watch a repository: its tags are resolved again and again, new digests are scanned', body: { schema: CreateWatch }, responses: { 201: { description: 'The watch', schema: Watch } }, problems: ['reference-invalid'] },
  { operation: 'removeWatch', method: 'DELETE', path: '/watches/{id}', tag: 'Registries', role: 'admin', summary: 'Stop watching', params: { id: z.string().max(64) }, responses: { 204: { description: 'Removed' } } },
  { operation: 'notifyWatch', method: 'POST', path: '/watches/{id}/notifications', tag: 'Registries', role: 'none', summary: "A registry's push notification (Docker Distribution envelope or Harbor webhook); authorised by the watch's own token in the Authorization header", params: { id: z.string().max(64) }, body: { raw: 'application/json', limitBytes: mebibyte }, responses: { 202: { description: 'The tags are resolved soon' } } },

  { operation: 'listDatabases', method: 'GET', path: '/databases', tag: 'Databases', role: 'viewer', summary: 'Generations of the vulnerability databases, newest first', query: PageQuery.extend({ engine: EngineName.optional() }), responses: { 200: { description: 'A page', schema: DatabaseGenerationPage } } },
  { operation: 'importDatabase', method: 'POST', path: '/databases:import', tag: 'Databases', role: 'admin', summary: "Upload an archive in the engine's official format; it is checked by the engine before it is used", query: ImportDatabaseQuery, body: { raw: 'application/octet-stream', limitBytes: 2048 * mebibyte }, responses: { 202: { description: 'The candidate', schema: DatabaseGeneration } }, problems: ['database-damaged', 'database-older'] },
  { operation: 'updateDatabases', method: 'POST', path: '/databases:update', tag: 'Databases', role: 'admin', summary: 'Look for a newer database now', responses: { 202: { description: 'The look-up is due', schema: AffectedCount } } },

  { operation: 'listSchedules', method: 'GET', path: '/schedules', tag: 'System', role: 'viewer', summary: 'Work that happens because time passes', query: PageQuery, responses: { 200: { description: 'A page', schema: SchedulePage } } },
  { operation: 'patchSchedule', method: 'PATCH', path: '/schedules/{id}', tag: 'System', role: 'admin', summary: 'Change, pause or run a schedule', params: { id: z.string().max(100) }, body: { schema: PatchSchedule }, responses: { 200: { description: 'The schedule', schema: Schedule } } },
  { operation: 'getSystem', method: 'GET', path: '/system', tag: 'System', role: 'viewer', summary: 'Versions, databases and their age, queues, workers', responses: { 200: { description: 'The state of the system', schema: SystemStatus } } },
  { operation: 'getMe', method: 'GET', path: '/me', tag: 'Access', role: 'viewer', summary: 'Who you are to Pharos', handledBy: 'gateway', responses: { 200: { description: 'The caller', schema: Principal } } },
  { operation: 'listTokens', method: 'GET', path: '/tokens', tag: 'Access', role: 'viewer', summary: 'Your API tokens; all of them for an admin', query: PageQuery, responses: { 200: { description: 'A page', schema: TokenPage } } },
  { operation: 'createToken', method: 'POST', path: '/tokens', tag: 'Access', role: 'viewer', summary: 'Make an API token; it is shown once', body: { schema: CreateToken }, responses: { 201: { description: 'The token', schema: CreatedToken } } },
  { operation: 'revokeToken', method: 'DELETE', path: '/tokens/{id}', tag: 'Access', role: 'viewer', summary: 'Revoke a token', params: { id: z.string().max(64) }, responses: { 204: { description: 'Revoked' } } },
  { operation: 'listUsers', method: 'GET', path: '/users', tag: 'Access', role: 'admin', summary: 'Users who sign in with a password', query: PageQuery, responses: { 200: { description: 'A page', schema: UserPage } } },
  { operation: 'createUser', method: 'POST', path: '/users', tag: 'Access', role: 'admin', summary: 'Create a user', body: { schema: CreateUser }, responses: { 201: { description: 'The user', schema: User } }, problems: ['conflict'] },
  { operation: 'removeUser', method: 'DELETE', path: '/users/{name}', tag: 'Access', role: 'admin', summary: 'Remove a user', params: { name: z.string().max(64) }, responses: { 204: { description: 'Removed' } } },
  { operation: 'listAudit', method: 'GET', path: '/audit', tag: 'Access', role: 'admin', summary: 'Every change and who made it, newest first', query: ListAuditQuery, responses: { 200: { description: 'A page', schema: AuditPage } } },
] as const satisfies readonly RouteDefinition[]

/** Name of a public route. */
export type Operation = (typeof routes)[number]['operation']

/**
 * Path at which results-service answers a public path: under the same prefix, with an action's colon as `/-/`,
 * since routers read a colon as a parameter. `/scans/{id}:replay` becomes `/api/v1/scans/{id}/-/replay`.
 */
export function upstreamPath(path: string): string {
  return `/api/v1${path.replace(/:([a-z-]+)$/, '/-/$1')}`
}

/** Schema of a batch body in JSON; NDJSON has one item of it a line. */
export const batchBody = SubmitBatch
