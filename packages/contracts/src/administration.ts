import { z } from 'zod'
import { Token, User } from './principal.js'
import { EngineName, pageOf, PageQuery, Priority, Timestamp, Uuid } from './primitives.js'
import { defineSchema, exampleOf } from './schema.js'

/** Access to one registry: how to reach it and, optionally, a credential. Secrets go in and never come out. */
export const PutRegistry = defineSchema(
  'PutRegistry',
  z.strictObject({
    host: z.string().min(1).max(255).describe('Registry host with optional port, e.g. registry.example:5000'),
    username: z.string().max(255).optional(),
    password: z.string().max(65_536).optional().describe('Password or access token; encrypted at rest'),
    identityToken: z.string().max(65_536).optional().describe('OAuth2 refresh token instead of a password'),
    allowHttp: z.boolean().default(false),
    insecureSkipTlsVerify: z.boolean().default(false),
    caCertificate: z.string().max(65_536).optional().describe('PEM certificates trusted for this registry'),
    allowInternal: z.boolean().default(false).describe('The registry may be at a private or loopback address'),
    mirrors: z.array(z.string().max(255)).max(5).default([]).describe('Hosts that are asked first'),
    tokenHosts: z.array(z.string().max(255)).max(5).default([]).describe('Other hosts that may be sent the credential to get a token'),
    maxConcurrent: z.int().min(1).max(100).default(8).describe('Scans that may use this registry at once, over all workers'),
  }),
  { host: 'registry.example', username: 'pharos', password: 'secret' },
)
export type PutRegistry = z.infer<typeof PutRegistry>

export const Registry = defineSchema(
  'Registry',
  PutRegistry.omit({ password: true, identityToken: true }).extend({
    id: z.string(),
    hasCredential: z.boolean(),
    keyId: z.string().nullable().describe('Encryption key of the stored credential'),
    createdAt: Timestamp,
    updatedAt: Timestamp,
  }),
  {
    id: 'r1',
    host: 'registry.example',
    username: 'pharos',
    allowHttp: false,
    insecureSkipTlsVerify: false,
    allowInternal: false,
    mirrors: [],
    tokenHosts: [],
    maxConcurrent: 8,
    hasCredential: true,
    keyId: 'k1',
    createdAt: '2026-11-24T08:00:00.000Z',
    updatedAt: '2026-11-24T08:00:00.000Z',
  },
)
export type Registry = z.infer<typeof Registry>
export const RegistryPage = pageOf('RegistryPage', Registry, exampleOf(Registry))
export type RegistryPage = z.infer<typeof RegistryPage>

export const KeyRotation = defineSchema('KeyRotation', z.object({ reencrypted: z.int().min(0), keyId: z.string() }), {
  reencrypted: 3,
  keyId: 'k2',
})
export type KeyRotation = z.infer<typeof KeyRotation>

/** One version of an engine's vulnerability database. */
export const DatabaseGeneration = defineSchema(
  'DatabaseGeneration',
  z.object({
    id: Uuid,
    engine: EngineName,
    schemaVersion: z.string(),
    builtAt: Timestamp.nullable(),
    checksum: z.string().describe('SHA-256 of the archive'),
    sizeBytes: z.int().min(0),
    isSample: z.boolean(),
    state: z
      .enum(['uploading', 'candidate', 'matching', 'active', 'retired', 'refused'])
      .describe('matching: the fleet is being matched in it, and is still judged by the former one'),
    problem: z.string().nullable().describe('Why it was refused, or was given up for a newer one'),
    createdAt: Timestamp,
    activatedAt: Timestamp.nullable(),
    source: z.string().describe('feed, import or the name of the file'),
  }),
  {
    id: '0190d7a2-6c1e-7d5b-8b0a-3a6f0b1c2d3e',
    engine: 'grype',
    schemaVersion: 'v6.1.10',
    builtAt: '2026-11-23T05:00:00.000Z',
    checksum: 'a'.repeat(64),
    sizeBytes: 1,
    isSample: false,
    state: 'active',
    problem: null,
    createdAt: '2026-11-24T08:00:00.000Z',
    activatedAt: '2026-11-24T08:00:00.000Z',
    source: 'feed',
  },
)
export type DatabaseGeneration = z.infer<typeof DatabaseGeneration>
export const DatabaseGenerationPage = pageOf('DatabaseGenerationPage', DatabaseGeneration, exampleOf(DatabaseGeneration))
export type DatabaseGenerationPage = z.infer<typeof DatabaseGenerationPage>
export const ImportDatabaseQuery = defineSchema(
  'ImportDatabaseQuery',
  z.object({
    engine: EngineName,
    allowOlder: z.enum(['true', 'false']).default('false'),
    source: z.string().max(200).default('import'),
  }),
  { engine: 'grype' },
)
export type ImportDatabaseQuery = z.infer<typeof ImportDatabaseQuery>

export const QueueStatus = defineSchema(
  'QueueStatus',
  z.object({
    lane: Priority,
    isPaused: z.boolean(),
    queued: z.int().min(0),
    running: z.int().min(0),
    retrying: z.int().min(0),
    quarantined: z.int().min(0),
    oldestQueuedSeconds: z.number().min(0).nullable().describe('Age of the oldest waiting task'),
  }),
  { lane: 'ci', isPaused: false, queued: 3, running: 2, retrying: 0, quarantined: 0, oldestQueuedSeconds: 4.2 },
)
export type QueueStatus = z.infer<typeof QueueStatus>
export const QueueList = defineSchema('QueueList', z.object({ items: z.array(QueueStatus) }), { items: [] })
export type QueueList = z.infer<typeof QueueList>

/** Which tasks an operation on many tasks is for; at least one field. */
export const TaskSelection = defineSchema(
  'TaskSelection',
  z
    .strictObject({
      cohort: z.string().min(1).max(100).optional(),
      state: z.enum(['failed', 'quarantined', 'cancelled', 'partial']).optional(),
      ids: z.array(Uuid).max(1000).optional(),
    })
    .refine((value) => Object.keys(value).length > 0, 'Name a cohort, a state or ids'),
  { cohort: 'nightly', state: 'failed' },
)
export type TaskSelection = z.infer<typeof TaskSelection>
export const AffectedCount = defineSchema('AffectedCount', z.object({ affected: z.int().min(0) }), { affected: 12 })
export type AffectedCount = z.infer<typeof AffectedCount>

/** Health and versions of the whole. */
export const SystemStatus = defineSchema(
  'SystemStatus',
  z.object({
    version: z.string(),
    engines: z
      .array(
        z.object({
          engine: z.string(),
          version: z.string().nullable(),
          workers: z.int(),
          available: z.boolean(),
          reason: z.string().nullable(),
        }),
      )
      .describe('As the workers seen in the last minutes reported'),
    databases: z
      .array(DatabaseGeneration.extend({ ageSeconds: z.number().nullable(), isStale: z.boolean() }))
      .describe('Active generations'),
    queues: z.array(QueueStatus),
    workers: z.array(z.object({ id: z.string(), version: z.string(), slots: z.int(), busy: z.int(), lastSeenAt: Timestamp })),
    counts: z
      .object({ images: z.int(), packages: z.int(), openFindings: z.int(), tasks: z.int() })
      .describe('Estimates from statistics for large tables'),
  }),
  { version: '0.1.0', engines: [], databases: [], queues: [], workers: [], counts: { images: 0, packages: 0, openFindings: 0, tasks: 0 } },
)
export type SystemStatus = z.infer<typeof SystemStatus>

export const AuditEntry = defineSchema(
  'AuditEntry',
  z.object({
    id: z.string(),
    at: Timestamp,
    principal: z.string(),
    action: z.string().describe('e.g. registry.update'),
    subject: z.string(),
    detail: z.record(z.string(), z.unknown()),
  }),
  { id: '1', at: '2026-11-24T08:00:00.000Z', principal: 'token:a1B2c3D4e5F6', action: 'image.remove', subject: 'sha256:…', detail: {} },
)
export type ListAuditQuery = z.infer<typeof ListAuditQuery>
export type AuditEntry = z.infer<typeof AuditEntry>
export const AuditPage = pageOf('AuditPage', AuditEntry, exampleOf(AuditEntry))
export type AuditPage = z.infer<typeof AuditPage>
export const ListAuditQuery = defineSchema(
  'ListAuditQuery',
  PageQuery.extend({ action: z.string().max(100).optional(), principal: z.string().max(200).optional() }),
  { action: 'registry.update' },
)

export const TokenPage = pageOf('TokenPage', Token, exampleOf(Token))
export type TokenPage = z.infer<typeof TokenPage>
export const UserPage = pageOf('UserPage', User, exampleOf(User))
export type UserPage = z.infer<typeof UserPage>

/** A kind of work that happens because time passes. */
export const Schedule = defineSchema(
  'Schedule',
  z.object({
    id: z.string(),
    kind: z.enum(['rescan', 'watch', 'database-update', 'expiry']),
    subject: z.string().nullable(),
    everySeconds: z.number().nullable(),
    isPaused: z.boolean(),
    nextRunAt: Timestamp.nullable(),
    lastRunAt: Timestamp.nullable(),
    lastOutcome: z.string().nullable(),
  }),
  {
    id: 'rescan',
    kind: 'rescan',
    subject: null,
    everySeconds: 86_400,
    isPaused: false,
    nextRunAt: null,
    lastRunAt: null,
    lastOutcome: null,
  },
)
export type Schedule = z.infer<typeof Schedule>
export const SchedulePage = pageOf('SchedulePage', Schedule, exampleOf(Schedule))
export type SchedulePage = z.infer<typeof SchedulePage>
export const PatchSchedule = defineSchema(
  'PatchSchedule',
  z.strictObject({
    everySeconds: z.number().min(10).max(31_536_000).optional(),
    isPaused: z.boolean().optional(),
    runNow: z.boolean().optional(),
  }),
  { isPaused: true },
)
export type PatchSchedule = z.infer<typeof PatchSchedule>
