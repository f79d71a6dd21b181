import { z } from 'zod'
import { defineSchema } from './schema.js'

/** Rows by what they are of, e.g. images. */
const counts = z.record(z.string(), z.int().min(0))

export const RetentionPreview = defineSchema(
  'RetentionPreview',
  z.object({
    policies: z.object({
      imageRetentionSeconds: z
        .int()
        .min(0)
        .describe('An image that nothing leads to is removed when nobody has asked for it for so long; 0: never'),
      historyHorizonSeconds: z
        .int()
        .min(0)
        .describe('What has ended is kept for so long: references, workloads, changes and closed findings'),
      eventRetentionSeconds: z.int().min(0).describe('Events are kept at least so long, and go a month at a time'),
      auditRetentionSeconds: z.int().min(0),
    }),
    due: counts.describe(
      'What the next run would remove, in rows, as far as it is known now: facts of images that go with it come after them',
    ),
  }),
  {
    policies: {
      imageRetentionSeconds: 7_776_000,
      historyHorizonSeconds: 34_560_000,
      eventRetentionSeconds: 2_592_000,
      auditRetentionSeconds: 31_536_000,
    },
    due: { images: 3, supersededSboms: 12 },
  },
)
export type RetentionPreview = z.infer<typeof RetentionPreview>

export const StorageGroup = defineSchema(
  'StorageGroup',
  z.object({
    name: z
      .enum(['images', 'packages', 'sboms', 'vulnerabilities', 'findings', 'history', 'workloads', 'databases', 'scans', 'events', 'other'])
      .describe('What the tables hold'),
    tables: z.int().min(0),
    bytes: z.int().min(0).describe('With indexes and free space, bytes'),
    isPerImage: z.boolean().describe('Grows with the images, and counts in bytesPerImage'),
  }),
  { name: 'findings', tables: 8, bytes: 1_200_000, isPerImage: true },
)
export type StorageGroup = z.infer<typeof StorageGroup>

export const StorageUsage = defineSchema(
  'StorageUsage',
  z.object({
    groups: z.array(StorageGroup),
    totalBytes: z.int().min(0),
    images: z.int().min(0),
    bytesPerImage: z.int().min(0).nullable().describe('Bytes of the groups that grow with the images, for each image; null without images'),
    budgetBytesPerImage: z.int().min(0).describe('What an image may take, see --image-byte-budget'),
    isWithinBudget: z.boolean().describe('Also true below 100 images: then the fixed size of tables outweighs them'),
  }),
  {
    groups: [{ name: 'findings', tables: 8, bytes: 1_200_000, isPerImage: true }],
    totalBytes: 1_200_000,
    images: 10,
    bytesPerImage: 120_000,
    budgetBytesPerImage: 1_048_576,
    isWithinBudget: true,
  },
)
export type StorageUsage = z.infer<typeof StorageUsage>
