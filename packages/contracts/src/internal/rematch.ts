import { z } from 'zod'
import { Epss, KnownExploited } from '../finding.js'
import { Uuid } from '../primitives.js'
import { defineSchema } from '../schema.js'
import { GenerationRef } from './attempt.js'
import { ReportMatch, ReportVulnerability } from './report.js'

/** Header in which a worker shows the token of its chunk. */
export const rematchTokenHeader = 'x-pharos-rematch-token'

// Not every hash is a UUID of one of the versions: only its form counts.
const hash = z.guid()

/** A worker asks for a piece of a re-match. */
export const ClaimRematchChunk = defineSchema(
  'ClaimRematchChunk',
  z.object({
    workerId: z.string().min(1).max(200),
    engineVersion: z.string().min(1).max(100).describe('Version of the matcher at this worker'),
    comparesDatabases: z.boolean().optional().describe('Whether it knows the kind of work that tells what two databases differ in'),
  }),
  { workerId: 'worker-1', engineVersion: '0.121.2', comparesDatabases: true },
)
export type ClaimRematchChunk = z.infer<typeof ClaimRematchChunk>

/** A unique package to match, and what is stored of its matches. */
export const RematchUnit = z.object({
  id: z.int().min(1),
  input: z.string().describe('Canonical JSON that the engine made of everything its matchers read'),
  open: z
    .array(z.tuple([hash.describe('Key of the vulnerability'), hash.describe('Hash of the content')]))
    .describe('Open matches; one that comes out alike need not be sent in full'),
})
export type RematchUnit = z.infer<typeof RematchUnit>

/** A stored vulnerability to describe in the new database. */
export const RematchVulnerability = z.object({
  id: z.int().min(1),
  nativeId: z.string(),
  namespace: z.string(),
  contentHash: hash.describe('Of what is stored; a record that comes out alike need not be sent in full'),
})
export type RematchVulnerability = z.infer<typeof RematchVulnerability>

const claimed = {
  outcome: z.literal('claimed'),
  rematchId: Uuid,
  chunk: z.int().min(1).describe('Number of the chunk in its re-match'),
  token: z.string().describe('Fencing token, for the re-match token header'),
  leaseMs: z.int().describe('The lease must be renewed before this time has passed'),
  generation: GenerationRef.describe('The database to match in'),
}

export const ClaimedRematchChunk = defineSchema(
  'ClaimedRematchChunk',
  z.union([
    z.object({
      ...claimed,
      kind: z.literal('packages'),
      formerGeneration: GenerationRef.nullable().describe(
        'Where given, units that the difference of both databases cannot touch may be skipped',
      ),
      units: z.array(RematchUnit),
      withKeys: z.boolean().optional().describe('The search keys of the units are wanted as well'),
    }),
    z.object({ ...claimed, kind: z.literal('difference'), formerGeneration: GenerationRef.describe('To be compared with the other one') }),
    z.object({ ...claimed, kind: z.literal('scores'), vulnerabilities: z.array(RematchVulnerability) }),
    z.object({
      outcome: z.literal('none'),
      prepare: GenerationRef.optional().describe('A database that work will soon be of: whoever has it at hand then is faster'),
    }),
  ]),
  { outcome: 'none' },
)
export type ClaimedRematchChunk = z.infer<typeof ClaimedRematchChunk>

const risk = z.number().min(0).max(100)

/** Stands for a name that matchers search by. Two names may share one; a unit without the names of a difference is not touched by it. */
const searchKey = z.int().min(0)
const searchKeysVersion = z.string().min(1).max(100).describe('Rules that the search keys were made by; keys of others say nothing')

/** What came of a chunk of packages. A unit that is neither skipped nor failed was matched, and has the matches that are listed and no others. */
export const PackageChunkResults = z.object({
  kind: z.literal('packages'),
  engineVersion: z.string().min(1).max(100),
  skipped: z.array(z.int()),
  keys: z
    .object({ version: searchKeysVersion, units: z.array(z.tuple([z.int(), z.array(searchKey)])) })
    .optional()
    .describe('Search keys of units; one that has none is touched by every difference'),
  failed: z.array(z.object({ id: z.int(), reason: z.string().max(2000) })),
  vulnerabilities: z.array(
    z.object({
      key: hash,
      document: z
        .object({ vulnerability: ReportVulnerability, risk })
        .nullable()
        .describe('null for one that is known by the open matches of the claim'),
    }),
  ),
  matches: z.array(
    z.object({
      unit: z.int(),
      vulnerability: z.int().min(0).describe('Position in vulnerabilities'),
      contentHash: hash,
      content: ReportMatch.pick({ fixState: true, fixVersions: true, fixAvailable: true, details: true })
        .nullable()
        .describe('null for one that is open with the same content'),
    }),
  ),
})
export type PackageChunkResults = z.infer<typeof PackageChunkResults>

/** What came of a chunk of scores. A vulnerability that is not listed is unknown to the new database. */
export const ScoreChunkResults = z.object({
  kind: z.literal('scores'),
  engineVersion: z.string().min(1).max(100),
  scores: z.array(
    z.object({
      id: z.int(),
      risk,
      epss: Epss.nullable(),
      kev: KnownExploited.nullable(),
      document: ReportVulnerability.nullable().describe('Only when the content differs from what is stored'),
    }),
  ),
})
export type ScoreChunkResults = z.infer<typeof ScoreChunkResults>

/** What two databases differ in. */
export const DifferenceChunkResults = z.object({
  kind: z.literal('difference'),
  engineVersion: z.string().min(1).max(100),
  keysVersion: searchKeysVersion,
  isEverything: z.boolean().describe('Something that decides any search differs: every package is matched'),
  keys: z.array(searchKey).describe('Of the names that matchers find other records by'),
  records: z.array(z.string()).describe('Vulnerabilities of which something else is said, by their names in lower case'),
  scores: z.array(z.string()).describe('Vulnerabilities of which nothing but EPSS or known exploitation differs'),
})
export type DifferenceChunkResults = z.infer<typeof DifferenceChunkResults>

/** Delivered as gzip JSON with the chunk's token. */
export const RematchChunkResults = defineSchema(
  'RematchChunkResults',
  z.discriminatedUnion('kind', [PackageChunkResults, ScoreChunkResults, DifferenceChunkResults]),
  { kind: 'packages', engineVersion: '0.121.2', skipped: [1], failed: [], vulnerabilities: [], matches: [] },
)
export type RematchChunkResults = z.infer<typeof RematchChunkResults>

export const RematchChunkAnswer = defineSchema(
  'RematchChunkAnswer',
  z.object({
    outcome: z
      .enum(['stored', 'already-stored', 'repeat'])
      .describe('repeat: what is stored of these packages has changed meanwhile; the chunk is given out again'),
  }),
  { outcome: 'stored' },
)
export type RematchChunkAnswer = z.infer<typeof RematchChunkAnswer>

/** A worker gives up on a chunk. */
export const RematchChunkFailure = defineSchema(
  'RematchChunkFailure',
  z.object({
    reason: z.string().max(2000),
    isCounted: z.boolean().describe('false: the worker ends, or could not get the database; the chunk is not at fault'),
  }),
  { reason: 'The scan engine died.', isCounted: true },
)
export type RematchChunkFailure = z.infer<typeof RematchChunkFailure>

export const RematchLease = defineSchema(
  'RematchLease',
  z.object({ continue: z.boolean().describe('false: the re-match was paused or ended, stop'), leaseMs: z.int() }),
  { continue: true, leaseMs: 60_000 },
)
export type RematchLease = z.infer<typeof RematchLease>

/** Path of a chunk's action under results-service. */
export function rematchChunkPath(rematchId: string, chunk: number, action: 'renew' | 'deliver' | 'fail'): string {
  return `/internal/v1/rematches/${encodeURIComponent(rematchId)}/chunks/${chunk}/${action}`
}
