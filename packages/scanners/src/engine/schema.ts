import { z } from 'zod'
import { GrypeDetails, GrypeFix, GrypeRecord } from '../grype/schema.js'

/** Version of the protocol that this client speaks (tools/cmd/pharos-engine). */
export const engineProtocol = 1

export const EngineHello = z.object({
  protocol: z.int(),
  engineVersion: z.string(),
  syftVersion: z.string(),
  grypeVersion: z.string(),
  databaseSchema: z.string(),
  cataloguerConfig: z.string(),
})
export type EngineHello = z.infer<typeof EngineHello>

/** One line of the engine's output. */
export const EngineMessage = z.union([
  z.object({ id: z.string(), event: z.literal('progress'), phase: z.string(), detail: z.string().optional() }),
  z.object({ id: z.string(), ok: z.literal(true), result: z.unknown().optional(), rssBytes: z.number().default(0) }),
  z.object({
    id: z.string(),
    ok: z.literal(false),
    error: z.object({ code: z.string(), message: z.string() }),
    rssBytes: z.number().default(0),
  }),
])
export type EngineMessage = z.infer<typeof EngineMessage>

export const OpenedDatabase = z.object({
  schemaVersion: z.string(),
  builtAt: z.string().nullish(),
  checksum: z.string().nullish(),
  isSample: z.boolean().default(false),
})
export type OpenedDatabase = z.infer<typeof OpenedDatabase>

export const EngineCatalogue = z.object({ sbomId: z.string() })

export const EngineMatch = z.object({
  matchCount: z.int(),
  ignoredCount: z.int().default(0),
  unitCount: z.int().default(0),
  warnings: z.array(z.object({ package: z.string().optional(), matcher: z.string().optional(), message: z.string() })).nullish(),
  database: OpenedDatabase,
})
export type EngineMatch = z.infer<typeof EngineMatch>

/** A package's match unit: what Grype's matchers read of it and of its image (tools/internal/engine/units). */
export const EngineUnit = z.object({ artifactId: z.string(), key: z.string().regex(/^[0-9a-f]{32}$/), input: z.string().min(1) })

export const EngineUnitsMatched = z.object({
  unitCount: z.int(),
  matchCount: z.int(),
  vulnerabilityCount: z.int(),
  warnings: EngineMatch.shape.warnings,
  database: OpenedDatabase,
  keysVersion: z.string().optional(),
})

/** Stands for a name that matchers search by (tools/internal/engine/difference). */
const searchKey = z.int().min(0)

export const EngineDifference = z.object({ all: z.boolean(), keysVersion: z.string() })

/** What diffDatabases writes. */
export const EngineDifferenceFile = z.object({ keys: z.array(searchKey), records: z.array(z.string()), scores: z.array(z.string()) })

export const EnginePrepared = z.object({ checksum: z.string(), ms: z.number() })

/** One line of the result of matchUnits. */
export const EngineUnitResult = z.union([
  z.object({
    id: z.int(),
    skipped: z.boolean().default(false),
    failed: z.string().optional(),
    keys: z.array(searchKey).nullish(),
    matches: z.array(z.object({ vulnerability: z.int(), fix: GrypeFix, details: GrypeDetails })).default([]),
  }),
  z.object({ vulnerability: z.int(), record: GrypeRecord }),
])

export const EngineDescribed = z.object({ count: z.int(), database: OpenedDatabase })

/** One line of the result of describeVulnerabilities. */
export const EngineDescription = z.union([
  z.object({ id: z.int(), record: GrypeRecord }),
  z.object({ id: z.int(), missing: z.literal(true) }),
])
