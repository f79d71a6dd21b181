import { z } from 'zod'
import { Digest, EngineName, Priority, Timestamp, Uuid } from '../primitives.js'
import { FailureReason } from '../problem.js'
import { ScanCause, ScanPhase } from '../scan.js'
import { defineSchema } from '../schema.js'

/** Header in which a worker shows the fencing token of its attempt. */
export const attemptTokenHeader = 'x-pharos-attempt-token'

const exampleId = '0190d7a2-6c1e-7d5b-8b0a-3a6f0b1c2d3e'
const exampleDigest = 'sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1'

/** Payload of a job in the scan queues. It carries ids only; what to do is asked from results-service. */
export const ScanJob = defineSchema(
  'ScanJob',
  z.object({
    taskId: Uuid,
    attempt: z.int().min(1).describe('Number of the attempt, from 1'),
    trace: z.record(z.string(), z.string()).optional().describe('W3C trace context'),
  }),
  { taskId: exampleId, attempt: 1 },
)
export type ScanJob = z.infer<typeof ScanJob>

/** What an engine at a worker can do. */
export const EngineCapability = defineSchema(
  'EngineCapability',
  z.object({
    engine: z.enum(['grype', 'trivy', 'syft']),
    version: z.string().nullable(),
    available: z.boolean(),
    reason: z.string().nullable().describe('Why it is not available and how to get it'),
  }),
  { engine: 'grype', version: '0.121.2', available: true, reason: null },
)
export type EngineCapability = z.infer<typeof EngineCapability>

export const CataloguerIdentity = defineSchema(
  'CataloguerIdentity',
  z.object({
    cataloguer: z.string().describe('e.g. syft'),
    version: z.string(),
    configuration: z.string().describe('Hash of the cataloguing configuration'),
  }),
  { cataloguer: 'syft', version: '1.57.0', configuration: 'a1b2' },
)
export type CataloguerIdentity = z.infer<typeof CataloguerIdentity>

/** A worker takes up the attempt that a job names. Repeating it with the same worker and job is answered alike. */
export const ClaimAttempt = defineSchema(
  'ClaimAttempt',
  z.object({
    taskId: Uuid,
    attempt: z.int().min(1),
    workerId: z.string().min(1).max(200),
    engines: z.array(EngineCapability),
    cataloguer: CataloguerIdentity.nullable(),
  }),
  { taskId: exampleId, attempt: 1, workerId: 'worker-1', engines: [], cataloguer: null },
)
export type ClaimAttempt = z.infer<typeof ClaimAttempt>

/** How to reach a registry; the credential is for this attempt alone. */
export const RegistryAccess = defineSchema(
  'RegistryAccess',
  z.object({
    host: z.string(),
    allowHttp: z.boolean(),
    insecureSkipTlsVerify: z.boolean(),
    caCertificate: z.string().nullable(),
    allowInternal: z.boolean(),
    mirrors: z.array(z.string()),
    tokenHosts: z.array(z.string()),
    maxConcurrent: z.int().min(1),
    credential: z
      .object({ username: z.string().nullable(), password: z.string().nullable(), identityToken: z.string().nullable() })
      .nullable(),
  }),
  {
    host: 'registry.example',
    allowHttp: false,
    insecureSkipTlsVerify: false,
    caCertificate: null,
    allowInternal: false,
    mirrors: [],
    tokenHosts: [],
    maxConcurrent: 8,
    credential: null,
  },
)
export type RegistryAccess = z.infer<typeof RegistryAccess>

/** The database generation to match in; the archive is at `/internal/v1/generations/{id}/archive`. */
export const GenerationRef = defineSchema(
  'GenerationRef',
  z.object({
    id: Uuid,
    engine: EngineName,
    schemaVersion: z.string(),
    builtAt: Timestamp.nullable(),
    checksum: z.string().describe('SHA-256 of the archive, hex'),
    sizeBytes: z.int(),
    isSample: z.boolean(),
    isStale: z.boolean(),
  }),
  {
    id: exampleId,
    engine: 'grype',
    schemaVersion: 'v6.1.10',
    builtAt: null,
    checksum: 'a'.repeat(64),
    sizeBytes: 1,
    isSample: false,
    isStale: false,
  },
)
export type GenerationRef = z.infer<typeof GenerationRef>

/** An image as the worker resolved it. */
export const ResolvedImage = defineSchema(
  'ResolvedImage',
  z.object({
    digest: Digest.describe('Manifest digest'),
    indexDigest: Digest.nullable(),
    mediaType: z.string(),
    platform: z.string(),
    configDigest: Digest.nullable(),
    sizeBytes: z.int().min(0),
    layers: z.array(z.object({ digest: Digest, sizeBytes: z.int().min(0), mediaType: z.string() })),
    annotations: z.record(z.string(), z.string()),
    reference: z
      .object({ registry: z.string(), repository: z.string(), tag: z.string().nullable() })
      .nullable()
      .describe('Normalised reference that led here; null for a posted SBOM'),
    indexPlatforms: z.array(z.object({ platform: z.string(), digest: Digest })).describe('All platforms of the index'),
  }),
  {
    digest: exampleDigest,
    indexDigest: null,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    platform: 'linux/amd64',
    configDigest: null,
    sizeBytes: 1,
    layers: [],
    annotations: {},
    reference: { registry: 'docker.io', repository: 'library/alpine', tag: '3.18' },
    indexPlatforms: [],
  },
)
export type ResolvedImage = z.infer<typeof ResolvedImage>

export const ClaimedAttempt = defineSchema(
  'ClaimedAttempt',
  z.discriminatedUnion('outcome', [
    z.object({
      outcome: z.literal('claimed'),
      attemptId: Uuid,
      token: z.string().describe('Fencing token, for the attempt token header'),
      leaseMs: z.int().describe('Progress must be told before this time has passed'),
      task: z.object({
        id: Uuid,
        reference: z.string().nullable().describe('null for a posted SBOM'),
        platform: z.string(),
        engines: z.array(EngineName),
        priority: Priority,
        cause: ScanCause,
        force: z.boolean(),
        sbomDigest: Digest.nullable().describe('Set for a posted SBOM: get it at /internal/v1/attempts/{id}/sbom'),
      }),
      resolved: ResolvedImage.nullable().describe(
        'Set when the digest is known and need not be resolved again: a rescan of a stored image',
      ),
      runId: Uuid.nullable().describe('Set when the run is already decided, i.e. with `resolved`'),
      hasCatalogue: z
        .boolean()
        .describe('A catalogue of this digest by this cataloguer is stored: get it at /internal/v1/attempts/{id}/sbom'),
      generations: z.array(GenerationRef).describe('At most one for each engine'),
      registry: RegistryAccess.nullable(),
    }),
    z.object({
      outcome: z.literal('dropped'),
      reason: z.enum(['task-ended', 'superseded', 'held', 'paused', 'unknown-task']).describe('The job needs no work'),
    }),
  ]),
  { outcome: 'dropped', reason: 'task-ended' },
)
export type ClaimedAttempt = z.infer<typeof ClaimedAttempt>

/** Tells the phase and renews the lease. */
export const AttemptProgress = defineSchema(
  'AttemptProgress',
  z.object({ phase: ScanPhase, detail: z.string().max(300).nullable().default(null) }),
  { phase: 'pull', detail: '2 of 4 layers' },
)
export type AttemptProgress = z.infer<typeof AttemptProgress>
export const AttemptProgressAnswer = defineSchema(
  'AttemptProgressAnswer',
  z.object({ continue: z.boolean().describe('false: nobody waits for this run any more, stop'), leaseMs: z.int() }),
  { continue: true, leaseMs: 30_000 },
)
export type AttemptProgressAnswer = z.infer<typeof AttemptProgressAnswer>

/** What follows from a resolved digest. */
export const ResolveDecision = defineSchema(
  'ResolveDecision',
  z.discriminatedUnion('decision', [
    z.object({ decision: z.literal('run'), runId: Uuid, hasCatalogue: z.boolean() }),
    z.object({ decision: z.literal('subscribed'), runId: Uuid }).describe('Another task leads a run of this digest: the attempt has ended'),
    z.object({ decision: z.literal('fresh') }).describe('A fresh enough result was stored: the task has ended'),
    z.object({ decision: z.literal('cancelled') }),
  ]),
  { decision: 'run', runId: exampleId, hasCatalogue: false },
)
export type ResolveDecision = z.infer<typeof ResolveDecision>

export const AttemptFailure = defineSchema(
  'AttemptFailure',
  z.object({
    reason: FailureReason,
    phase: ScanPhase,
    retryAfterMs: z.int().min(0).nullable().describe('From the other side, e.g. a registry'),
  }),
  { reason: { code: 'registry-timeout', detail: 'No answer within 30 s.' }, phase: 'pull', retryAfterMs: null },
)
export type AttemptFailure = z.infer<typeof AttemptFailure>
export const AttemptFailureAnswer = defineSchema(
  'AttemptFailureAnswer',
  z.object({ next: z.enum(['retry', 'ended', 'quarantined', 'already-ended']) }),
  { next: 'retry' },
)
export type AttemptFailureAnswer = z.infer<typeof AttemptFailureAnswer>

/** Gives an attempt back without a penalty: over a registry's limit, or the worker drains. */
export const AttemptDeferral = defineSchema(
  'AttemptDeferral',
  z.object({
    delayMs: z.int().min(0).max(86_400_000),
    reason: z.enum(['registry-limit', 'drain', 'generation-changed', 'engine-unavailable']),
  }),
  { delayMs: 1000, reason: 'registry-limit' },
)
export type AttemptDeferral = z.infer<typeof AttemptDeferral>

export const ReportAnswer = defineSchema(
  'ReportAnswer',
  z.object({
    outcome: z
      .enum(['stored', 'already-stored', 'catalogue-only'])
      .describe('catalogue-only: the database generation has changed meanwhile; the task will be matched again'),
  }),
  { outcome: 'stored' },
)
export type ReportAnswer = z.infer<typeof ReportAnswer>
