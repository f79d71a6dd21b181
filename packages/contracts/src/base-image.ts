import { z } from 'zod'
import { SeverityCounts } from './image.js'
import { Digest, pageOf, Timestamp } from './primitives.js'
import { defineSchema, exampleOf } from './schema.js'

const digest = 'sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1'

export const ImageBase = defineSchema(
  'ImageBase',
  z.object({
    base: z
      .object({
        digest: Digest.nullable().describe('The stored image that it is built on; null when none is stored, or you may not see it'),
        references: z.array(z.string()).describe('repository:tag that lead to the base now and that you may see, at most 20'),
        annotatedReference: z.string().nullable().describe('Name of the base by annotation or label org.opencontainers.image.base.name'),
        annotatedDigest: Digest.nullable().describe('Digest of the base by annotation or label org.opencontainers.image.base.digest'),
        source: z
          .enum(['annotation', 'prefix'])
          .describe('annotation: the image says it; prefix: the stored image whose layers are the most of the first ones of this'),
        layerCount: z.int().min(1).nullable().describe('Layers that are of the base; null when it is not known, or its layers are others'),
      })
      .nullable(),
    findings: z
      .object({
        fromBase: z.int().min(0).describe('Of packages in layers of the base'),
        own: z.int().min(0).describe('Of packages in layers above it; all that have a layer when no base is known'),
        unplaced: z.int().min(0).describe('Of packages whose layer is not known, or of which it is not known whose it is'),
      })
      .describe('Open findings that no decision suppresses; what both engines report is one'),
  }),
  {
    base: {
      digest,
      references: ['docker.io/library/debian:12'],
      annotatedReference: null,
      annotatedDigest: null,
      source: 'prefix',
      layerCount: 1,
    },
    findings: { fromBase: 70, own: 3, unplaced: 0 },
  },
)
export type ImageBase = z.infer<typeof ImageBase>

const contents = {
  packages: z.int().min(0).describe('Packages whose first place is here'),
  findings: SeverityCounts.describe(
    'Open findings of these packages that no decision suppresses; what both engines report is one, at its higher severity',
  ),
}

export const ImageLayer = defineSchema(
  'ImageLayer',
  z.object({
    position: z.int().min(0).describe('0 is the lowest'),
    digest: Digest.describe('Of the compressed layer'),
    diffId: z.string().nullable().describe('Of the layer as it is unpacked'),
    sizeBytes: z.int().min(0).describe('Compressed size, bytes'),
    createdBy: z.string().nullable().describe('Step of the build that made it'),
    createdAt: z.string().nullable(),
    isFromBase: z.boolean().nullable().describe('null when the layers of the base are not known'),
    ...contents,
  }),
  {
    position: 0,
    digest,
    diffId: digest,
    sizeBytes: 29_000_000,
    createdBy: '/bin/sh -c #(nop) ADD file',
    createdAt: '2026-10-01T10:00:00Z',
    isFromBase: true,
    packages: 88,
    findings: exampleOf(SeverityCounts),
  },
)
export type ImageLayer = z.infer<typeof ImageLayer>

export const ImageLayerList = defineSchema(
  'ImageLayerList',
  z.object({ items: z.array(ImageLayer), unplaced: z.object(contents).describe('Packages of which no layer is known') }),
  {
    items: [exampleOf(ImageLayer)],
    unplaced: { packages: 0, findings: { critical: 0, high: 0, medium: 0, low: 0, negligible: 0, unknown: 0 } },
  },
)
export type ImageLayerList = z.infer<typeof ImageLayerList>

export const ImageChild = defineSchema(
  'ImageChild',
  z.object({
    digest: Digest,
    references: z.array(z.string()).describe('repository:tag that lead to it now and that you may see, at most 20'),
    platform: z.string(),
    layerCount: z.int().min(1).nullable().describe('Layers that it has from the base'),
    firstSeenAt: Timestamp,
  }),
  {
    digest,
    references: ['registry.example/team-a/shop:v1'],
    platform: 'linux/amd64',
    layerCount: 1,
    firstSeenAt: '2026-11-24T08:00:00.000Z',
  },
)
export type ImageChild = z.infer<typeof ImageChild>
export const ImageChildPage = pageOf('ImageChildPage', ImageChild, exampleOf(ImageChild))
export type ImageChildPage = z.infer<typeof ImageChildPage>
