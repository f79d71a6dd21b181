import { z } from 'zod'
import { Digest, Timestamp } from '../primitives.js'
import { defineSchema, exampleOf } from '../schema.js'
import { filteredPageQuery, walkablePageOf } from './query-page.js'

/** A container of a workload that runs now, and the image that it runs. */
export const FleetWorkload = defineSchema(
  'FleetWorkload',
  z.object({
    id: z.string(),
    cluster: z.string(),
    namespace: z.string(),
    kind: z.string().describe('Kind of the workload, e.g. Deployment'),
    name: z.string(),
    container: z.string(),
    owner: z.string().nullable(),
    labels: z.record(z.string(), z.string()),
    reference: z.string().describe('Image as the workload names it'),
    platform: z.string(),
    observedDigest: Digest.nullable().describe(
      'As the cluster tells it: of an index, a manifest or a configuration; null while it tells none',
    ),
    image: z
      .object({
        digest: Digest,
        maxRisk: z.number().min(0).max(100).describe('Greatest risk of its findings'),
        lastScannedAt: Timestamp.nullable(),
      })
      .nullable()
      .describe('The scanned image; null when it was not scanned, so that nothing is known of it'),
    since: Timestamp.describe('Since when it runs this image'),
    contexts: z
      .record(z.string(), z.record(z.string(), z.unknown()))
      .optional()
      .describe('What enrichers have made of it, by their names; a failed enricher shows its last good data'),
    isStale: z.boolean().describe('Whether its cluster has been silent for longer than it said'),
  }),
  {
    id: '42',
    cluster: 'prod-eu-1',
    namespace: 'shop',
    kind: 'Deployment',
    name: 'web',
    container: 'nginx',
    owner: 'team-shop',
    labels: { app: 'web' },
    reference: 'nginx:1.27',
    platform: 'linux/amd64',
    observedDigest: null,
    image: null,
    since: '2026-11-24T08:00:00.000Z',
    isStale: false,
  },
)
export type FleetWorkload = z.infer<typeof FleetWorkload>
export const FleetWorkloadPage = walkablePageOf('FleetWorkloadPage', FleetWorkload, exampleOf(FleetWorkload))
export type FleetWorkloadPage = z.infer<typeof FleetWorkloadPage>

/** A list of the workloads that run now and that the caller may see. */
export const QueryWorkloads = defineSchema(
  'QueryWorkloads',
  filteredPageQuery('workloads', FleetWorkload).extend({
    sort: z.enum(['name', '-name']).default('name').describe('Order by cluster, namespace, kind, name and container'),
  }),
  { filter: 'namespace = payments and vulnerability = CVE-2023-4911', sort: 'name' },
)
export type QueryWorkloads = z.infer<typeof QueryWorkloads>
