import { z } from 'zod'
import { ScriptFailure } from './enricher.js'
import { Finding, Location, PackageRef } from './finding.js'
import { Digest, EngineName, ImageReferenceText, pageOf, PageQuery, Timestamp, Uuid } from './primitives.js'
import { CappedCount, filteredPageQuery, walkablePageOf } from './query/query-page.js'
import { EngineOutcome, ScanTask } from './scan.js'
import { defineSchema, exampleOf } from './schema.js'

export const SeverityCounts = defineSchema(
  'SeverityCounts',
  z
    .object({
      critical: z.int().min(0),
      high: z.int().min(0),
      medium: z.int().min(0),
      low: z.int().min(0),
      negligible: z.int().min(0),
      unknown: z.int().min(0),
    })
    .describe('Open findings of one engine by severity, without those that a decision suppresses'),
  { critical: 1, high: 2, medium: 0, low: 4, negligible: 0, unknown: 0 },
)
export type SeverityCounts = z.infer<typeof SeverityCounts>

export const EngineSummary = defineSchema(
  'EngineSummary',
  EngineOutcome.extend({
    counts: SeverityCounts,
    fixable: z.int().min(0).describe('Findings of the counts that have a fix'),
    kev: z.int().min(0).describe('Findings of the counts that are known to be exploited'),
    suppressed: z.int().min(0).optional().describe('Open findings of this engine that a decision suppresses; in no other count'),
    maxRisk: z.number().min(0).max(100),
    scannedAt: Timestamp.describe('When this engine last completed or partly completed'),
    lastAttemptFailed: z
      .boolean()
      .describe('True when the latest scan of this engine failed: the counts are those of the last good one, see scannedAt'),
    links: z
      .object({
        findings: z
          .record(z.string(), z.string())
          .describe('The filter of findings that gives each count again: total, each severity, fixable, kev, suppressed'),
      })
      .optional()
      .describe('Of one image, not in lists'),
  }),
  {
    engine: 'grype',
    status: 'complete',
    engineVersion: '0.121.2',
    database: null,
    reasons: [],
    findingCount: 7,
    counts: { critical: 1, high: 2, medium: 0, low: 4, negligible: 0, unknown: 0 },
    fixable: 3,
    kev: 1,
    maxRisk: 80.3,
    scannedAt: '2026-11-24T08:00:00.000Z',
    lastAttemptFailed: false,
  },
)
export type EngineSummary = z.infer<typeof EngineSummary>

/** What is known against calling an image clean. */
export const verdictReasons = [
  'no-result',
  'partial-result',
  'last-scan-failed',
  'database-stale',
  'database-age-unknown',
  'database-sample',
  'not-catalogued',
  'no-packages',
  'unreadable-files',
] as const

/**
 * Whether an image is clean, as far as can be said. It is clean only when an engine has looked at all of it with a current
 * database and found nothing; a count of zero alone says nothing.
 */
export const ImageVerdict = defineSchema(
  'ImageVerdict',
  z.object({
    status: z
      .enum(['clean', 'vulnerable', 'unknown'])
      .describe(
        'vulnerable: there are open findings that are not suppressed. clean: none, and nothing speaks against it. unknown: none, but see the reasons',
      ),
    reasons: z
      .array(
        z.object({
          code: z.enum(verdictReasons),
          engine: EngineName.optional(),
          detail: z.string().describe('What it is, for people'),
        }),
      )
      .describe('What limits the verdict; of a vulnerable image too, since there may be more'),
    engines: z.array(
      z.object({
        engine: EngineName,
        status: z.enum(['complete', 'partial', 'failed', 'unavailable']),
        openFindings: z.int().min(0).describe('Open findings that are not suppressed'),
        databaseAgeHours: z
          .int()
          .min(0)
          .nullable()
          .describe('Age of the database that last judged the image, in whole hours; null when it is not known'),
        isStale: z.boolean().describe('Whether that database is older than the configured limit now'),
      }),
    ),
  }),
  {
    status: 'unknown',
    reasons: [{ code: 'database-stale', engine: 'grype', detail: 'The database of grype is 6 days old; the limit is 5 days.' }],
    engines: [{ engine: 'grype', status: 'complete', openFindings: 0, databaseAgeHours: 144, isStale: true }],
  },
)
export type ImageVerdict = z.infer<typeof ImageVerdict>

/** An image in a list. */
export const ImageSummary = defineSchema(
  'ImageSummary',
  z.object({
    digest: Digest,
    references: z.array(z.string()).describe('repository:tag that lead to it now, at most 20'),
    platform: z.string(),
    distro: z.string().nullable().describe('e.g. debian 12'),
    sizeBytes: z.int().min(0).describe('Compressed size, bytes'),
    packageCount: z.int().min(0),
    engines: z.array(EngineSummary),
    createdAt: Timestamp.nullable(),
    firstSeenAt: Timestamp,
    lastScannedAt: Timestamp.nullable(),
    deletedFromRegistryAt: Timestamp.nullable().describe('Set when its registry no longer has it'),
    workloadCount: z.int().min(0).optional().describe('Containers of workloads that run it now and that the caller may see'),
    verdict: ImageVerdict.optional(),
  }),
  {
    digest: 'sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1',
    references: ['docker.io/library/alpine:3.18'],
    platform: 'linux/amd64',
    distro: 'alpine 3.18',
    sizeBytes: 3_400_000,
    packageCount: 15,
    engines: [],
    createdAt: null,
    firstSeenAt: '2026-11-24T08:00:00.000Z',
    lastScannedAt: null,
    deletedFromRegistryAt: null,
  },
)
export type ImageSummary = z.infer<typeof ImageSummary>
export const ImagePage = walkablePageOf('ImagePage', ImageSummary, exampleOf(ImageSummary))
export type ImagePage = z.infer<typeof ImagePage>

export const ListImagesQuery = defineSchema(
  'ListImagesQuery',
  filteredPageQuery('images', ImageSummary).extend({
    search: z
      .string()
      .min(1)
      .max(512)
      .optional()
      .describe('Repository, repository:tag or digest; * stands for any run of characters, without * it is searched as a part'),
    severity: z.string().max(100).optional().describe('Only images with an open finding of one of these severities'),
    sort: z.enum(['-lastScanned', 'lastScanned', '-risk', 'risk', 'digest', '-digest']).default('-lastScanned'),
  }),
  { search: 'alpine*', limit: 50 },
)
export type ListImagesQuery = z.infer<typeof ListImagesQuery>

/** Everything about one image but its findings and packages. */
export const ImageDetail = defineSchema(
  'ImageDetail',
  ImageSummary.extend({
    mediaType: z.string(),
    isDistroEndOfLife: z
      .boolean()
      .nullable()
      .describe('Whether the distribution had reached its end of life when the image was last scanned; null while no engine has said'),
    configDigest: Digest.nullable(),
    indexDigests: z.array(Digest).describe('Indexes that list it'),
    layers: z.array(z.object({ digest: Digest, diffId: z.string().nullable(), sizeBytes: z.int() })),
    labels: z.record(z.string(), z.string()),
    annotations: z.record(z.string(), z.string()),
    history: z.array(z.object({ createdBy: z.string().nullable(), createdAt: z.string().nullable(), isEmptyLayer: z.boolean() })),
    catalogue: z
      .object({
        cataloguer: z.string(),
        version: z.string(),
        configuration: z.string(),
        createdAt: Timestamp,
        unreadable: z.array(z.object({ path: z.string(), reason: z.string() })).describe('Files that the cataloguer could not read'),
      })
      .nullable(),
  }),
  {
    ...exampleOf(ImageSummary),
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    isDistroEndOfLife: false,
    configDigest: null,
    indexDigests: [],
    layers: [],
    labels: {},
    annotations: {},
    history: [],
    catalogue: null,
  },
)
export type ImageDetail = z.infer<typeof ImageDetail>

export const ImagePackage = defineSchema(
  'ImagePackage',
  PackageRef.extend({
    id: z.string(),
    distro: z.string().nullable(),
    language: z.string().nullable(),
    upstreams: z.array(z.string()).describe('Source packages, name or name@version'),
    cpes: z.array(z.string()),
    licenses: z.array(z.string()),
    locations: z.array(Location),
    foundBy: z.string().nullable(),
  }),
  {
    id: '42',
    type: 'npm',
    name: 'lodash',
    version: '4.17.20',
    purl: 'pkg:npm/lodash@4.17.20',
    distro: null,
    language: 'javascript',
    upstreams: [],
    cpes: [],
    licenses: ['MIT'],
    locations: [],
    foundBy: 'javascript-package-cataloger',
  },
)
export type ImagePackage = z.infer<typeof ImagePackage>
export const ImagePackagePage = pageOf('ImagePackagePage', ImagePackage, exampleOf(ImagePackage))
export type ImagePackagePage = z.infer<typeof ImagePackagePage>
export const ListPackagesQuery = defineSchema(
  'ListPackagesQuery',
  PageQuery.extend({
    type: z.string().max(100).optional(),
    name: z.string().max(255).optional().describe('* stands for any run of characters'),
  }),
  { type: 'deb' },
)
export type ListPackagesQuery = z.infer<typeof ListPackagesQuery>

/** A package of the fleet, unique by all that matchers read of it. */
export const FleetPackage = defineSchema(
  'FleetPackage',
  PackageRef.extend({
    id: z.string(),
    distro: z.string().nullable(),
    language: z.string().nullable(),
    images: CappedCount.describe('Images that have it and that the caller may see, counted up to 1,000'),
    vulnerabilities: z.int().min(0).describe('Vulnerabilities that match it now, by alias group'),
  }),
  {
    id: '42',
    type: 'npm',
    name: 'lodash',
    version: '4.17.20',
    purl: 'pkg:npm/lodash@4.17.20',
    distro: null,
    language: 'javascript',
    images: { count: 12, isCapped: false },
    vulnerabilities: 3,
  },
)
export type FleetPackage = z.infer<typeof FleetPackage>
export const FleetPackagePage = walkablePageOf('FleetPackagePage', FleetPackage, exampleOf(FleetPackage))
export type FleetPackagePage = z.infer<typeof FleetPackagePage>

/** A list of the packages of all images that the caller may see. */
export const QueryPackages = defineSchema(
  'QueryPackages',
  filteredPageQuery('packages', FleetPackage).extend({
    sort: z.enum(['name', '-name']).default('name').describe('Order; ties have a fixed order'),
  }),
  { filter: 'package.name = log4j-core and package.version < 2.17', sort: 'name' },
)
export type QueryPackages = z.infer<typeof QueryPackages>

export const SbomQuery = defineSchema('SbomQuery', z.object({ format: z.enum(['cyclonedx', 'spdx', 'syft']).default('cyclonedx') }), {
  format: 'cyclonedx',
})
export type SbomQuery = z.infer<typeof SbomQuery>

export const ImageContext = defineSchema(
  'ImageContext',
  z.object({
    key: z.string().describe("Key of a submitted context or of a workload; '' for what enrichers make of the image itself"),
    owner: z.string().describe('Who set it: submit, or an enricher'),
    data: z.record(z.string(), z.unknown()),
    updatedAt: Timestamp.describe('When the data last changed'),
    state: z
      .enum(['current', 'pending', 'failed'])
      .optional()
      .describe('pending: what it is made of has changed, new data is being made; failed: see error, the data is the last good one'),
    error: ScriptFailure.optional(),
    failedAt: Timestamp.optional().describe('Since when the enricher fails'),
    setId: Uuid.optional().describe('Set of enrichers that made it'),
    workload: z.string().optional().describe('Id of the workload whose key it is'),
  }),
  { key: 'default', owner: 'submit', data: { team: 'payments' }, updatedAt: '2026-11-24T08:00:00.000Z' },
)
export type ImageContext = z.infer<typeof ImageContext>
export const ImageContextPage = defineSchema(
  'ImageContextPage',
  z.object({
    items: z.array(ImageContext).describe('Rows of this page'),
    nextCursor: z.string().nullable().describe('Cursor of the next page, null on the last'),
    enrichment: z
      .object({
        state: z
          .enum(['none', 'pending', 'current', 'failed'])
          .describe('none: no enrichers are active; pending: enrichers are to run; failed: one of them, or all, could not'),
        dueSince: Timestamp.nullable(),
        problem: z.string().nullable().describe('Why no worker could run the enrichers'),
      })
      .optional(),
  }),
  { items: [exampleOf(ImageContext)], nextCursor: null, enrichment: { state: 'current', dueSince: null, problem: null } },
)
export type ImageContextPage = z.infer<typeof ImageContextPage>

/** The result of a scan: what `?wait` answers and what `GET /scans/{id}/result` gives. */
export const ScanResult = defineSchema(
  'ScanResult',
  z.object({
    task: ScanTask,
    image: ImageDetail,
    topFindings: z.array(Finding).describe('The first 100 open findings by risk; the rest at /images/{digest}/findings'),
  }),
  { task: exampleOf(ScanTask), image: exampleOf(ImageDetail), topFindings: [] },
)
export type ScanResult = z.infer<typeof ScanResult>

/** A repository whose tags are resolved again and again. */
export const CreateWatch = defineSchema(
  'CreateWatch',
  z.strictObject({
    repository: ImageReferenceText.describe('registry/repository without a tag'),
    tags: z.array(z.string().min(1).max(128)).max(50).default(['*']).describe('Tag patterns; * stands for any run of characters'),
    platforms: z.array(z.string()).min(1).max(10).default(['linux/amd64']),
    every: z
      .string()
      .regex(/^(\d+(s|m|h|d))+$/)
      .default('1h')
      .describe('How often the tags are resolved'),
    maxTags: z.int().min(1).max(5000).default(500).describe('At most so many tags are resolved in a round'),
  }),
  { repository: 'registry.example/team-a/shop', tags: ['v*'] },
)
export type CreateWatch = z.infer<typeof CreateWatch>
export const Watch = defineSchema(
  'Watch',
  CreateWatch.extend({
    id: z.string(),
    createdAt: Timestamp,
    lastRunAt: Timestamp.nullable(),
    nextRunAt: Timestamp.nullable(),
    lastProblem: z.string().nullable(),
    knownTags: z.int().min(0),
    notificationToken: z.string().nullable().describe('Secret for the registry to send push notifications with; shown once, on creation'),
  }),
  {
    id: 'w1',
    repository: 'registry.example/team-a/shop',
    tags: ['v*'],
    platforms: ['linux/amd64'],
    every: '1h',
    maxTags: 500,
    createdAt: '2026-11-24T08:00:00.000Z',
    lastRunAt: null,
    nextRunAt: null,
    lastProblem: null,
    knownTags: 0,
    notificationToken: null,
  },
)
export type Watch = z.infer<typeof Watch>
export const WatchPage = pageOf('WatchPage', Watch, exampleOf(Watch))
export type WatchPage = z.infer<typeof WatchPage>
