import { z } from 'zod'
import { EngineName, Timestamp, Uuid } from '../primitives.js'
import { Schedule } from '../administration.js'
import { Watch } from '../image.js'
import { defineSchema } from '../schema.js'
import { RegistryAccess } from './attempt.js'

/** A due schedule that this scheduler may run: nobody else can until the lease ends. */
export const ClaimedSchedule = defineSchema(
  'ClaimedSchedule',
  z.object({
    schedule: Schedule,
    leaseToken: z.string(),
    leaseMs: z.int(),
    dueAt: Timestamp,
    watch: Watch.extend({ registry: RegistryAccess }).nullable().describe('For kind watch'),
  }),
  {
    schedule: {
      id: 'rescan',
      kind: 'rescan',
      subject: null,
      everySeconds: 86_400,
      isPaused: false,
      nextRunAt: null,
      lastRunAt: null,
      lastOutcome: null,
    },
    leaseToken: 't',
    leaseMs: 60_000,
    dueAt: '2026-11-24T08:00:00.000Z',
    watch: null,
  },
)
export type ClaimedSchedule = z.infer<typeof ClaimedSchedule>

export const ClaimSchedules = defineSchema(
  'ClaimSchedules',
  z.object({ schedulerId: z.string(), kinds: z.array(Schedule.shape.kind), limit: z.int().min(1).max(50).default(10) }),
  { schedulerId: 's1', kinds: ['rescan'] },
)
export type ClaimSchedules = z.infer<typeof ClaimSchedules>
export const ClaimedSchedules = defineSchema('ClaimedSchedules', z.object({ items: z.array(ClaimedSchedule) }), { items: [] })
export type ClaimedSchedules = z.infer<typeof ClaimedSchedules>

/** Ends a claimed run; the next one is computed from the schedule. */
export const FinishSchedule = defineSchema(
  'FinishSchedule',
  z.object({
    leaseToken: z.string(),
    outcome: z.string().max(500),
    isFailure: z.boolean().default(false),
    nextRunInSeconds: z.number().min(1).optional().describe('Overrides the interval once'),
  }),
  { leaseToken: 't', outcome: '3 new digests' },
)
export type FinishSchedule = z.infer<typeof FinishSchedule>

/** Tags of a watched repository as the scheduler resolved them; new digests become background tasks in the same transaction. */
export const WatchObservation = defineSchema(
  'WatchObservation',
  z.object({
    leaseToken: z.string(),
    observed: z
      .array(z.object({ tag: z.string(), digest: z.string().describe('Digest that the tag leads to (index or manifest)') }))
      .max(5000),
    missing: z.array(z.string()).max(5000).describe('Tags known before that the registry no longer has'),
    problem: z.string().max(500).nullable(),
  }),
  { leaseToken: 't', observed: [], missing: [], problem: null },
)
export type WatchObservation = z.infer<typeof WatchObservation>

/** Asks for background rescans of stored images: those not scanned since a moment, or not matched with the active database. */
export const EnqueueRescans = defineSchema(
  'EnqueueRescans',
  z.object({
    cause: z.enum(['schedule', 'database', 'engine']),
    notScannedSince: Timestamp.optional(),
    generationId: Uuid.optional().describe('Images whose last result was made in another generation'),
    engine: EngineName.optional(),
    limit: z.int().min(1).max(10_000).default(1000),
  }),
  { cause: 'schedule', notScannedSince: '2026-11-23T08:00:00.000Z' },
)
export type EnqueueRescans = z.infer<typeof EnqueueRescans>

/** What expires: old ended tasks, revoked tokens, idempotency keys, events, retired generations' archives, audit beyond its horizon, images that nothing leads to, what ended before the horizon of history. */
export const ExpireAnswer = defineSchema(
  'ExpireAnswer',
  z.object({
    removed: z.record(z.string(), z.int()),
    hasMore: z.boolean().optional().describe('The time of one call was over: another one goes on'),
  }),
  {
    removed: { idempotencyKeys: 3 },
  },
)
export type ExpireAnswer = z.infer<typeof ExpireAnswer>

/** First part of an upload of a database archive; the bytes follow at PUT /internal/v1/generations/{id}/archive. */
export const CreateGeneration = defineSchema(
  'CreateGeneration',
  z.object({
    engine: EngineName,
    source: z.string().max(200),
    checksum: z
      .string()
      .regex(/^[a-f0-9]{64}$/)
      .nullable()
      .describe('Expected SHA-256 of the archive'),
    fileName: z.string().max(200),
  }),
  { engine: 'grype', source: 'feed', checksum: null, fileName: 'vulnerability-db.tar.zst' },
)
export type CreateGeneration = z.infer<typeof CreateGeneration>

/** What the scheduler found when it opened a candidate with the real engine. */
export const GenerationVerdict = defineSchema(
  'GenerationVerdict',
  z.object({
    accepted: z.boolean(),
    schemaVersion: z.string().nullable(),
    builtAt: Timestamp.nullable(),
    isSample: z.boolean(),
    problem: z.string().max(500).nullable(),
    allowOlder: z.boolean().default(false),
  }),
  { accepted: true, schemaVersion: 'v6.1.10', builtAt: null, isSample: false, problem: null },
)
export type GenerationVerdict = z.infer<typeof GenerationVerdict>
