import { z } from 'zod'
import { normalisePlatform, type Platform } from './platform.js'
import { registryProblem } from './registry-problem.js'

/** Largest configuration blob that is read. */
export const CONFIG_LIMIT_BYTES = 8 * 1024 * 1024

const HistorySchema = z.object({
  created: z.string().nullish(),
  created_by: z.string().nullish(),
  comment: z.string().nullish(),
  empty_layer: z.boolean().nullish(),
})

const ConfigSchema = z.object({
  os: z.string().nullish(),
  architecture: z.string().nullish(),
  variant: z.string().nullish(),
  created: z.string().nullish(),
  history: z.array(HistorySchema).max(10_000).nullish(),
  config: z.object({ Labels: z.record(z.string(), z.string().nullable()).nullish(), User: z.string().nullish() }).nullish(),
  rootfs: z.object({ diff_ids: z.array(z.string()).max(4096).nullish() }).nullish(),
})

/** One step of how the image was built. */
export interface ImageHistoryEntry {
  created: string | null
  createdBy: string
  comment: string | null
  isEmptyLayer: boolean
}

/** What Pharos keeps of an image's configuration. */
export interface ImageConfig {
  platform: Platform
  /** RFC 3339, as the image states it; null when it does not or when it is no date. */
  created: string | null
  labels: Record<string, string>
  user: string | null
  history: ImageHistoryEntry[]
  /** Digests of the uncompressed layers, lowest first. */
  diffIds: string[]
}

function dateOrNull(text: string | null | undefined): string | null {
  return text !== undefined && text !== null && !Number.isNaN(Date.parse(text)) ? text : null
}

/**
 * Parses a configuration blob whose digest was verified. An image without os or architecture (some builders leave them
 * out) counts as linux/amd64, as Docker does.
 * @throws PharosError `registry-response-invalid`
 */
export function parseImageConfig(bytes: Uint8Array, what: string): ImageConfig {
  let document: unknown
  try {
    document = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    throw registryProblem('registry-response-invalid', `The configuration of ${what} is not JSON.`)
  }
  const parsed = ConfigSchema.safeParse(document)
  if (!parsed.success)
    throw registryProblem(
      'registry-response-invalid',
      `The configuration of ${what} does not fit: ${parsed.error.issues[0]?.path.join('.') ?? ''}.`,
    )
  const { os, architecture, variant, created, history, config, rootfs } = parsed.data
  const labels = Object.entries(config?.Labels ?? {}).filter((entry): entry is [string, string] => entry[1] !== null)
  return {
    platform: normalisePlatform({ os: os || 'linux', architecture: architecture || 'amd64', ...(variant ? { variant } : {}) }),
    created: dateOrNull(created),
    labels: Object.fromEntries(labels),
    user: config?.User || null,
    history: (history ?? []).map((entry) => ({
      created: dateOrNull(entry.created),
      createdBy: entry.created_by ?? '',
      comment: entry.comment ?? null,
      isEmptyLayer: entry.empty_layer === true,
    })),
    diffIds: rootfs?.diff_ids ?? [],
  }
}
