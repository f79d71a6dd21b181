import { z } from 'zod'
import { DecisionStatus } from './decision.js'
import { FixState, PackageRef } from './finding.js'
import { ChangeCause, FindingStanding } from './history.js'
import { SeverityCounts } from './image.js'
import { Digest, DurationText, EngineName, Severity, Timestamp, Uuid } from './primitives.js'
import { defineSchema, exampleOf } from './schema.js'

export const ExportResource = defineSchema(
  'ExportResource',
  z.enum(['images', 'packages', 'findings', 'workloads']).describe('What is exported'),
  'findings',
)
export type ExportResource = z.infer<typeof ExportResource>

export const ExportQuery = defineSchema(
  'ExportQuery',
  z.object({ filter: z.string().max(4096).optional().describe('Filter of the resource; without one everything that you may see') }),
  { filter: 'severity >= high' },
)
export type ExportQuery = z.infer<typeof ExportQuery>

export const ExportedFinding = defineSchema(
  'ExportedFinding',
  z.object({
    id: z.string().describe('Id of the finding'),
    image: Digest,
    engine: EngineName,
    vulnerability: z.string().describe('Canonical id'),
    nativeId: z.string().describe('Id as the engine gave it'),
    namespace: z.string().describe('Source of the advisory'),
    package: PackageRef,
    severity: Severity,
    risk: z.number().min(0).max(100).describe('Risk score, 0 to 100'),
    epss: z.number().min(0).max(1).nullable().describe('Probability of exploitation within 30 days, 0 to 1'),
    kev: z.boolean().describe('Known to be exploited'),
    fix: z.object({ state: FixState, versions: z.array(z.string()) }),
    state: z.enum(['open', 'gone']),
    decision: DecisionStatus.nullable(),
    isSuppressed: z.boolean().describe('A decision takes it out of the counts'),
    firstSeenAt: Timestamp,
    lastSeenAt: Timestamp,
  }),
  {
    id: 'f_7k2m9q4t1x8z',
    image: exampleOf(Digest),
    engine: 'grype',
    vulnerability: 'CVE-2021-23337',
    nativeId: 'GHSA-35jh-r3h4-6jhm',
    namespace: 'github:language:javascript',
    package: exampleOf(PackageRef),
    severity: 'high',
    risk: 3.2,
    epss: 0.02,
    kev: false,
    fix: { state: 'fixed', versions: ['4.17.21'] },
    state: 'open',
    decision: null,
    isSuppressed: false,
    firstSeenAt: '2026-11-24T08:00:00.000Z',
    lastSeenAt: '2026-11-24T08:00:00.000Z',
  },
)
export type ExportedFinding = z.infer<typeof ExportedFinding>

export const ExportedImage = defineSchema(
  'ExportedImage',
  z.object({
    digest: Digest,
    references: z.array(z.string()).describe('repository:tag that lead to it now'),
    platform: z.string(),
    distro: z.string().nullable(),
    sizeBytes: z.int().min(0).describe('Compressed size, bytes'),
    packageCount: z.int().min(0),
    maxRisk: z.number().min(0).max(100),
    engines: z.array(
      z.object({
        engine: EngineName,
        status: z.string(),
        engineVersion: z.string().nullable(),
        databaseBuiltAt: Timestamp.nullable(),
        scannedAt: Timestamp,
        lastAttemptFailed: z.boolean(),
        counts: SeverityCounts,
        fixable: z.int().min(0),
        kev: z.int().min(0),
        suppressed: z.int().min(0),
      }),
    ),
    createdAt: Timestamp.nullable(),
    firstSeenAt: Timestamp,
    lastScannedAt: Timestamp.nullable(),
    deletedFromRegistryAt: Timestamp.nullable(),
  }),
  {
    digest: exampleOf(Digest),
    references: ['docker.io/library/alpine:3.18'],
    platform: 'linux/amd64',
    distro: 'alpine 3.18',
    sizeBytes: 3_400_000,
    packageCount: 15,
    maxRisk: 3.2,
    engines: [],
    createdAt: null,
    firstSeenAt: '2026-11-24T08:00:00.000Z',
    lastScannedAt: null,
    deletedFromRegistryAt: null,
  },
)
export type ExportedImage = z.infer<typeof ExportedImage>

export const ExportedPackage = defineSchema(
  'ExportedPackage',
  PackageRef.extend({
    language: z.string().nullable(),
    distro: z.string().nullable().describe('Distribution that it was made for'),
    images: z.int().min(0).describe('Images that you may see and that hold it'),
  }),
  { ...exampleOf(PackageRef), language: 'javascript', distro: null, images: 12 },
)
export type ExportedPackage = z.infer<typeof ExportedPackage>

export const ExportedWorkload = defineSchema(
  'ExportedWorkload',
  z.object({
    cluster: z.string(),
    namespace: z.string(),
    kind: z.string(),
    name: z.string(),
    container: z.string(),
    image: Digest.nullable().describe('Digest of the image in the inventory; null while it is not known'),
    observedDigest: z.string().nullable().describe('Digest as the cluster told it'),
    reference: z.string().describe('The image as the workload names it'),
    platform: z.string(),
    owner: z.string().nullable(),
    since: Timestamp,
  }),
  {
    cluster: 'production',
    namespace: 'shop',
    kind: 'Deployment',
    name: 'web',
    container: 'main',
    image: exampleOf(Digest),
    observedDigest: exampleOf(Digest),
    reference: 'docker.io/library/alpine:3.18',
    platform: 'linux/amd64',
    owner: null,
    since: '2026-11-24T08:00:00.000Z',
  },
)
export type ExportedWorkload = z.infer<typeof ExportedWorkload>

/** A line of an export. A stream that does not end with an `end` line was cut off, and is not the whole. */
export const ExportLine = defineSchema(
  'ExportLine',
  z.discriminatedUnion('type', [
    z.object({
      type: z.literal('start'),
      resource: ExportResource,
      at: Timestamp.describe('The moment of the snapshot'),
      filter: z.string().nullable(),
      cursor: z.string().describe('Cursor of /changes from which on the export is to be brought up to date'),
    }),
    z.object({ type: z.literal('finding'), item: ExportedFinding }),
    z.object({ type: z.literal('image'), item: ExportedImage }),
    z.object({ type: z.literal('package'), item: ExportedPackage }),
    z.object({ type: z.literal('workload'), item: ExportedWorkload }),
    z.object({ type: z.literal('error'), code: z.string(), detail: z.string().describe('Why the export was broken off') }),
    z.object({ type: z.literal('end'), count: z.int().min(0).describe('Items in the export') }),
  ]),
  { type: 'end', count: 2 },
)
export type ExportLine = z.infer<typeof ExportLine>

export const ChangesQuery = defineSchema(
  'ChangesQuery',
  z.object({
    cursor: z.string().max(1024).optional().describe('Cursor of an export or of the former answer; without one the feed begins now'),
    limit: z.coerce.number().int().min(1).max(1000).default(200).describe('Changes that are looked at, at most 1000'),
    wait: DurationText.optional().describe('Wait so long for a change when there is none, at most 30s'),
    filter: z.string().max(4096).optional().describe('Filter of findings: only changes of findings that fit it now, and of their images'),
  }),
  { limit: 200, wait: '30s' },
)
export type ChangesQuery = z.infer<typeof ChangesQuery>

const facts = FindingStanding.omit({ decision: true })

/** A change of a finding or an image, in the order in which they were committed. */
export const Change = defineSchema(
  'Change',
  z.discriminatedUnion('subject', [
    z.object({
      subject: z.literal('finding'),
      at: Timestamp,
      change: z.enum(['appeared', 'gone', 'changed', 'decided']),
      cause: ChangeCause,
      id: z.string().describe('Id of the finding'),
      image: Digest,
      engine: EngineName,
      vulnerability: z.string().describe('Canonical id'),
      package: PackageRef,
      before: facts.nullable(),
      after: facts.nullable(),
      decision: z.string().nullable().describe('Of a decision: the status that it gave; null for none'),
      generationId: Uuid.nullable(),
      left: z.boolean().optional().describe('Of a feed with a filter: the finding fitted before this change, and does not fit any more'),
    }),
    z.object({
      subject: z.literal('image'),
      at: Timestamp,
      change: z.enum(['scanned', 'removed', 'deleted-from-registry']),
      image: Digest,
      firstResults: z
        .array(EngineName)
        .describe('Engines whose first result this is: all their findings in the image are new, and make no changes of their own'),
    }),
  ]),
  { subject: 'image', at: '2026-11-24T08:00:00.000Z', change: 'scanned', image: exampleOf(Digest), firstResults: ['grype'] },
)
export type Change = z.infer<typeof Change>

/** An answer of the change feed. A change may come a second time, none is left out. */
export const ChangePage = defineSchema(
  'ChangePage',
  z.object({
    items: z.array(Change),
    nextCursor: z.string().describe('Go on with this one, also when there are no items'),
    hasMore: z.boolean().describe('There is more to read at once'),
  }),
  { items: [exampleOf(Change)], nextCursor: 'eyJ4', hasMore: false },
)
export type ChangePage = z.infer<typeof ChangePage>

/** What a stream of changes begins with, and what it is limited to. */
export const ChangeStreamQuery = defineSchema('ChangeStreamQuery', ChangesQuery.pick({ cursor: true, filter: true }), {
  filter: 'kev = true',
})
export type ChangeStreamQuery = z.infer<typeof ChangeStreamQuery>
