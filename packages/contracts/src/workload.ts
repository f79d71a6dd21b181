import { z } from 'zod'
import { Digest, DurationText, ImageReferenceText, PlatformText, Timestamp } from './primitives.js'
import { defineSchema, exampleOf } from './schema.js'

/** Printable ASCII, as Kubernetes names are: it fits an index, and no two spellings look alike. */
const name = (limit: number) =>
  z
    .string()
    .max(limit)
    .regex(/^[\x20-\x7e]*$/, 'Only printable ASCII characters are taken')

export const ClusterName = defineSchema(
  'ClusterName',
  z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'A cluster is named with letters, digits, ".", "_" and "-", at most 100')
    .describe('Name of a cluster or of another place where images run'),
  'prod-eu-1',
)
export type ClusterName = z.infer<typeof ClusterName>

/** One container of a workload, as its cluster sees it. Replicas that run the same image are one. */
export const ObservedWorkload = defineSchema(
  'ObservedWorkload',
  z.strictObject({
    namespace: name(253).describe("Namespace; '' where there is none"),
    kind: name(100).min(1).describe('Kind of the owner at the top, e.g. Deployment'),
    name: name(253).min(1).describe('Name of the owner at the top'),
    container: name(253).min(1).describe('Name of the container in the pod'),
    image: ImageReferenceText.describe('Image as the workload names it'),
    imageId: z
      .string()
      .max(1200)
      .optional()
      .describe(
        'What runs, as the runtime tells it: repository@digest, docker-pullable://repository@digest, docker://digest or digest; of an index, a manifest or a configuration. Left out while it is not known',
      ),
    platform: PlatformText.optional().describe('Platform of the node; linux/amd64 when it is left out'),
    owner: z.string().max(255).optional().describe('Who answers for it, e.g. a team'),
    labels: z
      .record(name(317), name(255))
      .refine((labels) => Object.keys(labels).length <= 64, 'A workload has at most 64 labels')
      .optional()
      .describe('Labels of the workload, at most 64'),
  }),
  {
    namespace: 'shop',
    kind: 'Deployment',
    name: 'web',
    container: 'nginx',
    image: 'nginx:1.27',
    imageId: 'docker.io/library/nginx@sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1',
    platform: 'linux/amd64',
    owner: 'team-shop',
    labels: { app: 'web' },
  },
)
export type ObservedWorkload = z.infer<typeof ObservedWorkload>

/** All of a snapshot but its workloads; in NDJSON it is the first line. */
export const WorkloadSnapshotHead = defineSchema(
  'WorkloadSnapshotHead',
  z.strictObject({
    sequence: z
      .int()
      .min(0)
      .describe('Grows with each snapshot of a cluster, e.g. Unix time in milliseconds; one that is not above the last is refused'),
    observedAt: Timestamp.describe('When the cluster was looked at; later than now counts as now'),
    isComplete: z
      .boolean()
      .describe('Everything that runs is here, and what is missing has ended. A snapshot with gaps says false and ends nothing'),
    expiresAfter: DurationText.default('24h').describe(
      'Silence of the cluster after which its workloads are stale: they are still listed, and said to be stale',
    ),
    problem: z.string().max(500).optional().describe('Why the snapshot has gaps'),
  }),
  { sequence: 1_790_000_000_000, observedAt: '2026-11-24T08:00:00.000Z', isComplete: true, expiresAfter: '15m' },
)
export type WorkloadSnapshotHead = z.infer<typeof WorkloadSnapshotHead>

/** What runs in a cluster. As NDJSON: the head on the first line, then a workload on each. */
export const WorkloadSnapshot = defineSchema(
  'WorkloadSnapshot',
  WorkloadSnapshotHead.extend({ workloads: z.array(ObservedWorkload).max(200_000).describe('Containers, at most 200,000') }),
  { ...exampleOf(WorkloadSnapshotHead), workloads: [exampleOf(ObservedWorkload)] },
)
export type WorkloadSnapshot = z.infer<typeof WorkloadSnapshot>

const flag = z.enum(['true', 'false']).default('false')

export const PutWorkloadsQuery = defineSchema(
  'PutWorkloadsQuery',
  z.object({
    allowEmpty: flag.describe('Take a complete snapshot without any workload, of a cluster that had some'),
    submit: flag.describe('Scan what runs and is not known yet, in the background'),
  }),
  { submit: 'true' },
)
export type PutWorkloadsQuery = z.infer<typeof PutWorkloadsQuery>

/** An image that runs and that Pharos has not scanned. */
export const UnknownImage = defineSchema(
  'UnknownImage',
  z.object({
    reference: z.string().describe('Image as a workload names it'),
    digest: Digest.nullable().describe('As observed: of an index, a manifest or a configuration; null when the cluster tells none'),
    platform: z.string(),
    containers: z.int().min(1).describe('Containers that run it'),
    isSubmitted: z.boolean().describe('A scan of it was enqueued by this snapshot'),
  }),
  { reference: 'nginx:1.27', digest: null, platform: 'linux/amd64', containers: 3, isSubmitted: false },
)
export type UnknownImage = z.infer<typeof UnknownImage>

export const WorkloadSnapshotAnswer = defineSchema(
  'WorkloadSnapshotAnswer',
  z.object({
    cluster: ClusterName,
    sequence: z.int().min(0),
    outcome: z.enum(['stored', 'already-taken']).describe('already-taken: the same snapshot was sent before; the numbers are those of now'),
    workloads: z.int().min(0).describe('Containers that run in the cluster as far as is known now'),
    appeared: z.int().min(0),
    gone: z.int().min(0),
    changed: z.int().min(0).describe('Reference, owner, labels or image of a container that was known'),
    unknownImageCount: z.int().min(0),
    unknownImages: z.array(UnknownImage).describe('Those that most containers run, at most 1,000'),
    submitted: z.int().min(0).describe('Scans that were enqueued; the next snapshots enqueue the rest'),
  }),
  {
    cluster: 'prod-eu-1',
    sequence: 1_790_000_000_000,
    outcome: 'stored',
    workloads: 120,
    appeared: 2,
    gone: 1,
    changed: 0,
    unknownImageCount: 0,
    unknownImages: [],
    submitted: 0,
  },
)
export type WorkloadSnapshotAnswer = z.infer<typeof WorkloadSnapshotAnswer>

export const WorkloadCluster = defineSchema(
  'WorkloadCluster',
  z.object({
    cluster: ClusterName,
    sequence: z.int().min(0).describe('Of the last snapshot'),
    observedAt: Timestamp,
    receivedAt: Timestamp,
    expiresAt: Timestamp.nullable().describe('When the workloads become stale if the cluster stays silent'),
    staleSince: Timestamp.nullable().describe('Set while the cluster has been silent for too long'),
    workloads: z.int().min(0).describe('Containers that run there; those that you may see'),
    unresolved: z.int().min(0).describe('Containers whose image is not known; those that you may see'),
    problem: z.string().nullable().describe('Why the last snapshot had gaps'),
  }),
  {
    cluster: 'prod-eu-1',
    sequence: 1_790_000_000_000,
    observedAt: '2026-11-24T08:00:00.000Z',
    receivedAt: '2026-11-24T08:00:01.000Z',
    expiresAt: '2026-11-24T08:15:01.000Z',
    staleSince: null,
    workloads: 120,
    unresolved: 3,
    problem: null,
  },
)
export type WorkloadCluster = z.infer<typeof WorkloadCluster>
export const WorkloadClusterList = defineSchema('WorkloadClusterList', z.object({ items: z.array(WorkloadCluster) }), {
  items: [exampleOf(WorkloadCluster)],
})
export type WorkloadClusterList = z.infer<typeof WorkloadClusterList>
