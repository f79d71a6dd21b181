import { z } from 'zod'
import { defineSchema } from './schema.js'

export const Digest = defineSchema(
  'Digest',
  z
    .string()
    .regex(/^(sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/, 'A digest is sha256: followed by 64 lower-case hex digits')
    .describe('Content digest'),
  'sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1',
)
export type Digest = z.infer<typeof Digest>

export const Timestamp = defineSchema('Timestamp', z.iso.datetime().describe('Moment, RFC 3339, UTC'), '2026-11-24T08:00:00.000Z')
export type Timestamp = z.infer<typeof Timestamp>

export const Uuid = defineSchema('Uuid', z.uuid().describe('Identifier (UUID)'), '0190d7a2-6c1e-7d5b-8b0a-3a6f0b1c2d3e')
export type Uuid = z.infer<typeof Uuid>

/** Engines that a scan can ask for. `syft` catalogues for all of them and is not asked for by itself. */
export const EngineName = defineSchema('EngineName', z.enum(['grype', 'trivy']).describe('Scan engine'), 'grype')
export type EngineName = z.infer<typeof EngineName>

/** Severity in the order of urgency; `unknown` means that no source rates it. */
export const Severity = defineSchema(
  'Severity',
  z.enum(['critical', 'high', 'medium', 'low', 'negligible', 'unknown']).describe('Normalised severity'),
  'high',
)
export type Severity = z.infer<typeof Severity>

/** Rank for sorting: higher is more urgent. */
export const severityRank: Readonly<Record<Severity, number>> = { critical: 5, high: 4, medium: 3, low: 2, negligible: 1, unknown: 0 }

/** Who waits for a scan. Interactive goes ahead of CI, CI ahead of background. */
export const Priority = defineSchema(
  'Priority',
  z.enum(['interactive', 'ci', 'background']).describe('Who waits for the scan'),
  'interactive',
)
export type Priority = z.infer<typeof Priority>

export const PlatformText = defineSchema(
  'PlatformText',
  z.string().min(1).max(64).describe('Platform as os/architecture[/variant]'),
  'linux/amd64',
)
export type PlatformText = z.infer<typeof PlatformText>

export const ImageReferenceText = defineSchema(
  'ImageReferenceText',
  z.string().min(1).max(1024).describe('Image reference as a container runtime takes it: [registry/]repository[:tag][@digest]'),
  'alpine:3.18',
)
export type ImageReferenceText = z.infer<typeof ImageReferenceText>

/** Length of a time as the API takes it. */
export const DurationText = defineSchema(
  'DurationText',
  z
    .string()
    .regex(/^(\d+(ms|s|m|h|d))+$/, 'A duration is written like 90s, 15m, 24h or 7d')
    .describe('Duration: a number with ms, s, m, h or d, repeated'),
  '24h',
)
export type DurationText = z.infer<typeof DurationText>

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Milliseconds of a checked duration text. */
export function durationMs(text: DurationText): number {
  let total = 0
  for (const part of text.matchAll(/(\d+)(ms|s|m|h|d)/g)) total += Number(part[1]) * (unitMs[part[2] ?? 's'] ?? 0)
  return total
}

/** Page parameters that every list takes. */
export const PageQuery = defineSchema(
  'PageQuery',
  z.object({
    limit: z.coerce.number().int().min(1).max(500).default(50).describe('Rows in a page, at most 500'),
    cursor: z.string().max(1024).optional().describe('Cursor from the former page; opaque'),
  }),
  { limit: 50 },
)
export type PageQuery = z.infer<typeof PageQuery>

/** A page of rows. There are more rows exactly if `nextCursor` is a string. */
export function pageOf<S extends z.ZodType>(id: string, item: S, example: z.input<S>) {
  return defineSchema(
    id,
    z.object({
      items: z.array(item).describe('Rows of this page'),
      nextCursor: z.string().nullable().describe('Cursor of the next page, null on the last'),
    }),
    { items: [example], nextCursor: null } as never,
  )
}
