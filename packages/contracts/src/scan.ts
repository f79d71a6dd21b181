import { z } from 'zod'
import { FailureReason } from './problem.js'
import {
  Digest,
  DurationText,
  EngineName,
  ImageReferenceText,
  pageOf,
  PageQuery,
  PlatformText,
  Priority,
  Timestamp,
  Uuid,
} from './primitives.js'
import { defineSchema, exampleOf } from './schema.js'

/**
 * States of a task, and who moves it (results-service alone writes them; the table of transitions is in its `task-state.ts`):
 * - `queued`: accepted; waits for a worker (also while its queue or cohort is paused)
 * - `running`: a worker holds its current attempt
 * - `waiting`: subscribed to a run that another task leads
 * - `retrying`: the last attempt failed in a transient way, or was put off by a registry's limit; the next one has a due time
 * - `succeeded` | `partial`: ended with a result; partial names what is missing
 * - `failed`: ended with a typed reason
 * - `quarantined`: killed its workers twice; put aside, can be replayed
 * - `cancelled`: its submitter detached it
 */
export const TaskState = defineSchema(
  'TaskState',
  z
    .enum(['queued', 'running', 'waiting', 'retrying', 'succeeded', 'partial', 'failed', 'quarantined', 'cancelled'])
    .describe('State of a scan task'),
  'queued',
)
export type TaskState = z.infer<typeof TaskState>

export const endedTaskStates: ReadonlySet<TaskState> = new Set(['succeeded', 'partial', 'failed', 'quarantined', 'cancelled'])

/** Where a running task is on its way. */
export const ScanPhase = defineSchema(
  'ScanPhase',
  z.enum(['queue', 'resolve', 'pull', 'catalogue', 'match', 'report', 'done']).describe('Phase of a scan'),
  'catalogue',
)
export type ScanPhase = z.infer<typeof ScanPhase>

/** Why a scan was asked for. */
export const ScanCause = defineSchema(
  'ScanCause',
  z.enum(['submit', 'schedule', 'watch', 'database', 'engine', 'replay']).describe('Why the scan was asked for'),
  'submit',
)
export type ScanCause = z.infer<typeof ScanCause>

export const ScanContext = z
  .record(z.string().min(1).max(100), z.union([z.string().max(4096), z.number(), z.boolean(), z.null()]))
  .describe('Facts that the submitter knows, e.g. {"team": "payments"}; at most 100 keys')

/** A submitted scan. Unknown keys are refused. */
export const SubmitScan = defineSchema(
  'SubmitScan',
  z.strictObject({
    image: ImageReferenceText,
    platform: PlatformText.optional().describe('Default linux/amd64'),
    engines: z.array(EngineName).min(1).max(2).optional().describe('Default: the engines that the server is configured for'),
    context: ScanContext.optional(),
    contextKey: z.string().min(1).max(200).optional().describe('Name under which the context is kept on the image; default "default"'),
    priority: Priority.optional().describe('Default interactive for a single submit, ci for a batch'),
    maxAge: DurationText.optional().describe(
      'A complete stored result not older than this, made with the active database, answers at once; default 0 (always scan)',
    ),
    force: z.boolean().optional().describe('Scan again even if a result is fresh or the catalogue is kept'),
    cohort: z.string().min(1).max(100).optional().describe('Label to pause, replay or cancel many tasks by'),
  }),
  { image: 'alpine:3.18', platform: 'linux/amd64', maxAge: '24h' },
)
export type SubmitScan = z.infer<typeof SubmitScan>

export const SubmitScanQuery = defineSchema(
  'SubmitScanQuery',
  z.object({
    wait: DurationText.optional().describe(
      'Wait this long for the result (at most 60s): 200 with the result when it is ready in time, else 202',
    ),
  }),
  { wait: '30s' },
)
export type SubmitScanQuery = z.infer<typeof SubmitScanQuery>

/** What one engine said about an image. */
export const EngineOutcome = defineSchema(
  'EngineOutcome',
  z.object({
    engine: EngineName,
    status: z.enum(['complete', 'partial', 'failed', 'unavailable']).describe('Only `complete` says everything that the engine knows'),
    engineVersion: z.string().nullable().describe('Version of the engine'),
    database: z
      .object({
        schemaVersion: z.string(),
        builtAt: Timestamp.nullable().describe('When the database was built'),
        checksum: z.string().nullable().describe('Checksum of the database'),
        isSample: z.boolean().describe('True for the sample database of the demo: findings are examples, not advice'),
        isStale: z.boolean().describe('True when the database was older than the configured limit at the time of the scan'),
      })
      .nullable()
      .describe('The database that was used; null when none was'),
    reasons: z.array(FailureReason).max(100).describe('Why the result is not complete'),
    findingCount: z.int().min(0).describe('Findings of this engine'),
  }),
  {
    engine: 'grype',
    status: 'complete',
    engineVersion: '0.121.2',
    database: {
      schemaVersion: 'v6.1.10',
      builtAt: '2026-11-23T05:00:00.000Z',
      checksum: 'xxh64:0123456789abcdef',
      isSample: false,
      isStale: false,
    },
    reasons: [],
    findingCount: 12,
  },
)
export type EngineOutcome = z.infer<typeof EngineOutcome>

/** A scan task as the API shows it. */
export const ScanTask = defineSchema(
  'ScanTask',
  z.object({
    id: Uuid,
    image: z.string().describe('Reference as submitted; sbom:<digest> for a posted SBOM'),
    platform: z.string().nullable().describe('Platform as submitted'),
    engines: z.array(EngineName),
    priority: Priority,
    cause: ScanCause,
    cohort: z.string().nullable(),
    state: TaskState,
    phase: ScanPhase,
    detail: z.string().nullable().describe('A short text on the phase, for people'),
    digest: Digest.nullable().describe('Manifest digest, once resolved'),
    runId: Uuid.nullable().describe('The run that the task subscribes to'),
    attempts: z.int().min(0).describe('Attempts so far'),
    failure: FailureReason.nullable().describe('Why the task ended without a result, or why it is retried'),
    outcomes: z.array(EngineOutcome).describe('What each engine said; empty before the end'),
    submittedAt: Timestamp,
    startedAt: Timestamp.nullable(),
    endedAt: Timestamp.nullable(),
    nextAttemptAt: Timestamp.nullable().describe('When a retrying task is due'),
    version: z.int().min(0).describe('Grows with each change of the task'),
  }),
  {
    id: '0190d7a2-6c1e-7d5b-8b0a-3a6f0b1c2d3e',
    image: 'alpine:3.18',
    platform: null,
    engines: ['grype'],
    priority: 'interactive',
    cause: 'submit',
    cohort: null,
    state: 'running',
    phase: 'pull',
    detail: '2 of 4 layers',
    digest: null,
    runId: null,
    attempts: 1,
    failure: null,
    outcomes: [],
    submittedAt: '2026-11-24T08:00:00.000Z',
    startedAt: '2026-11-24T08:00:00.100Z',
    endedAt: null,
    nextAttemptAt: null,
    version: 3,
  },
)
export type ScanTask = z.infer<typeof ScanTask>

export const ScanTaskPage = pageOf('ScanTaskPage', ScanTask, exampleOf(ScanTask))
export type ScanTaskPage = z.infer<typeof ScanTaskPage>

export const ListScansQuery = defineSchema(
  'ListScansQuery',
  PageQuery.extend({
    state: z.string().max(200).optional().describe('Task states, comma separated'),
    image: z.string().max(1024).optional().describe('Reference as submitted; * stands for any run of characters'),
    digest: Digest.optional(),
    cohort: z.string().max(100).optional(),
    priority: Priority.optional(),
  }),
  { state: 'queued,running', limit: 50 },
)
export type ListScansQuery = z.infer<typeof ListScansQuery>

/** One item's outcome in a batch; in the order of the items. */
export const BatchItemOutcome = defineSchema(
  'BatchItemOutcome',
  z.object({
    index: z.int().min(0).describe('Position in the batch, from 0'),
    id: Uuid.nullable().describe('Task id when accepted'),
    state: TaskState.nullable(),
    problem: z.object({ code: z.string(), detail: z.string() }).nullable().describe('Why the item was refused'),
  }),
  { index: 0, id: '0190d7a2-6c1e-7d5b-8b0a-3a6f0b1c2d3e', state: 'queued', problem: null },
)
export type BatchItemOutcome = z.infer<typeof BatchItemOutcome>

/** Items are checked one by one: a wrong one is refused and does not spoil the others. */
export const SubmitBatch = defineSchema(
  'SubmitBatch',
  z.strictObject({
    items: z.array(z.unknown()).min(1).max(10_000).describe('SubmitScan objects, or reference texts'),
    cohort: z.string().min(1).max(100).optional().describe('Cohort of items that name none'),
    priority: Priority.optional().describe('Priority of items that name none; default ci'),
  }),
  { items: ['alpine:3.18', { image: 'debian:12' }], cohort: 'nightly' },
)
export type SubmitBatch = z.infer<typeof SubmitBatch>

export const BatchOutcome = defineSchema(
  'BatchOutcome',
  z.object({
    accepted: z.int().min(0),
    refused: z.int().min(0),
    items: z.array(BatchItemOutcome),
  }),
  { accepted: 1, refused: 0, items: [{ index: 0, id: '0190d7a2-6c1e-7d5b-8b0a-3a6f0b1c2d3e', state: 'queued', problem: null }] },
)
export type BatchOutcome = z.infer<typeof BatchOutcome>

/** A progress event of the SSE stream `GET /scans/{id}/events` (event name `task`; the last one has an ended state). */
export const ScanProgress = defineSchema(
  'ScanProgress',
  ScanTask.pick({ id: true, state: true, phase: true, detail: true, digest: true, version: true, failure: true }),
  { id: '0190d7a2-6c1e-7d5b-8b0a-3a6f0b1c2d3e', state: 'running', phase: 'match', detail: null, digest: null, version: 5, failure: null },
)
export type ScanProgress = z.infer<typeof ScanProgress>
