import { z } from 'zod'
import { DecisionEvent, DecisionStatus } from '../decision.js'
import { Digest, EngineName, Timestamp, Uuid } from '../primitives.js'
import { TaskState } from '../scan.js'
import { defineSchema } from '../schema.js'

/** Facts that others act on. Written in the transaction that makes them true; read in commit order by consumers with a cursor each. */
export const EventBody = defineSchema(
  'EventBody',
  z.discriminatedUnion('type', [
    z.object({ type: z.literal('scan.ended'), taskId: Uuid, digest: Digest.nullable(), state: TaskState }),
    z.object({
      type: z.literal('image.scanned'),
      digest: Digest,
      engines: z.array(z.object({ engine: EngineName, status: z.string() })),
      runId: Uuid,
      firstResults: z
        .array(EngineName)
        .optional()
        .describe('Engines whose first good result this is: all their findings in the image are new'),
    }),
    z.object({
      type: z.literal('findings.changed'),
      digest: Digest,
      engine: EngineName,
      appeared: z.int(),
      gone: z.int(),
      changed: z.int().optional().describe('Findings of another severity, fix or KEV listing, or whose EPSS crossed the threshold'),
      cause: z
        .enum(['scan', 'database', 'decision', 'vex'])
        .optional()
        .describe('decision and vex: findings that a decision suppresses count as gone, those that it no longer suppresses as appeared'),
    }),
    z.object({
      type: z.literal('finding.decided'),
      digest: Digest,
      status: DecisionStatus.nullable().describe('null: they have no decision any more'),
      change: DecisionEvent.shape.kind,
      source: z.enum(['triage', 'vex']),
      count: z.int(),
      findingIds: z.array(z.string()).describe('The first 100 of them'),
    }),
    z.object({
      type: z.literal('contexts.changed'),
      digest: Digest,
      key: z.string().describe("'' for the image itself, else the key of a workload or of a submitted context"),
      owners: z.array(z.string()).describe('Enrichers whose context has appeared, changed or gone'),
    }),
    z.object({ type: z.literal('workloads.changed'), cluster: z.string(), appeared: z.int(), gone: z.int() }),
    z.object({ type: z.literal('workloads.stale'), cluster: z.string(), since: Timestamp }),
    z.object({
      type: z.literal('image.removed'),
      digest: Digest,
      repositories: z.array(z.string()).optional().describe('registry/repository that led to it: who might see these may know'),
    }),
    z.object({ type: z.literal('image.deleted-from-registry'), digest: Digest }),
    z.object({ type: z.literal('database.candidate'), generationId: Uuid, engine: EngineName }),
    z.object({ type: z.literal('database.activated'), generationId: Uuid, engine: EngineName }),
    z.object({ type: z.literal('database.refused'), generationId: Uuid, engine: EngineName, problem: z.string() }),
  ]),
  { type: 'database.activated', generationId: '0190d7a2-6c1e-7d5b-8b0a-3a6f0b1c2d3e', engine: 'grype' },
)
export type EventBody = z.infer<typeof EventBody>

export const LoggedEvent = defineSchema(
  'LoggedEvent',
  z.object({ cursor: z.string().describe('Position in commit order; opaque'), at: Timestamp, body: EventBody }),
  {
    cursor: '1',
    at: '2026-11-24T08:00:00.000Z',
    body: { type: 'database.activated', generationId: '0190d7a2-6c1e-7d5b-8b0a-3a6f0b1c2d3e', engine: 'grype' },
  },
)
export type LoggedEvent = z.infer<typeof LoggedEvent>

/** A consumer reads from its stored cursor and acknowledges the last event it has dealt with. */
export const ReadEvents = defineSchema(
  'ReadEvents',
  z.object({
    consumer: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/),
    limit: z.coerce.number().int().min(1).max(1000).default(100),
    from: z.enum(['start', 'now']).default('now').describe('Where a new consumer begins'),
  }),
  { consumer: 'scheduler' },
)
export type ReadEvents = z.infer<typeof ReadEvents>
export const EventBatch = defineSchema('EventBatch', z.object({ items: z.array(LoggedEvent) }), { items: [] })
export type EventBatch = z.infer<typeof EventBatch>
export const AcknowledgeEvents = defineSchema('AcknowledgeEvents', z.object({ consumer: z.string(), cursor: z.string() }), {
  consumer: 'scheduler',
  cursor: '1',
})
export type AcknowledgeEvents = z.infer<typeof AcknowledgeEvents>

/** Redis channels: a wake-up or a broadcast, never the only copy of anything. */
export const redisChannels = {
  /** A task changed; the message is a `TaskChanged`. Every gateway listens. */
  tasks: 'pharos:tasks',
  /** Events were written; the message is empty. */
  events: 'pharos:events',
  /** Subjects are due for enrichment, or a set is to be tried; the message is empty. Every worker listens. */
  enrichments: 'pharos:enrichments',
} as const

export const TaskChanged = defineSchema('TaskChanged', z.object({ id: Uuid, version: z.int(), state: TaskState }), {
  id: '0190d7a2-6c1e-7d5b-8b0a-3a6f0b1c2d3e',
  version: 3,
  state: 'running',
})
export type TaskChanged = z.infer<typeof TaskChanged>
