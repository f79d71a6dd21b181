import { z } from 'zod'
import { EnricherFile, EnricherOutcome, EnricherProblem, EnricherSource, EnricherDescription } from '../enricher.js'
import { Digest, Uuid } from '../primitives.js'
import { defineSchema, exampleOf } from '../schema.js'

/** Header in which a worker shows the token of its chunk. */
export const enrichmentTokenHeader = 'x-pharos-enrichment-token'

/** A worker asks for work with enrichers. */
export const ClaimEnrichment = defineSchema(
  'ClaimEnrichment',
  z.object({
    workerId: z.string().min(1).max(200),
    bridgeVersion: z.string().min(1).max(100).describe('Version of the script engines at this worker'),
  }),
  { workerId: 'worker-1', bridgeVersion: '1.0.0' },
)
export type ClaimEnrichment = z.infer<typeof ClaimEnrichment>

const set = z.object({
  id: Uuid,
  hash: z.string().describe('Workers keep sets by their hash; the files are at enrichmentSetPath'),
})

const claimed = {
  outcome: z.literal('claimed'),
  chunkId: Uuid,
  token: z.string().describe('Fencing token, for the enrichment token header'),
  leaseMs: z.int().describe('The lease must be renewed before this time has passed'),
}

/**
 * First line of the answer to a claim, which is NDJSON. Of `subjects` and `test`, a pair of lines follows for each subject:
 * an `EnrichmentSubject`, then its payload as one line of JSON text, to be handed on unparsed.
 */
export const ClaimedEnrichment = defineSchema(
  'ClaimedEnrichment',
  z.union([
    z.object({
      ...claimed,
      kind: z.literal('subjects'),
      set,
      run: z.enum(['due', 'activate', 'compare']).describe('Why: due subjects, or a run over the fleet'),
      subjects: z.int().min(1).describe('Pairs of lines that follow'),
    }),
    z.object({
      ...claimed,
      kind: z.literal('validate'),
      files: z.array(EnricherFile).nullable(),
      source: EnricherSource.nullable().describe('Where the worker fetches the files, when there are none'),
    }),
    z.object({
      ...claimed,
      kind: z.literal('test'),
      set: set.nullable().describe('null when files are given'),
      files: z.array(EnricherFile).nullable(),
      enricher: z.string().nullable().describe('Only this one'),
      subjects: z.int().min(0).max(1).describe('0: run on the sample payload'),
    }),
    z.object({ outcome: z.literal('none') }),
  ]),
  { outcome: 'none' },
)
export type ClaimedEnrichment = z.infer<typeof ClaimedEnrichment>

/** Line before a payload. */
export const EnrichmentSubject = defineSchema(
  'EnrichmentSubject',
  z.object({
    subject: z.int().min(0).describe('To be named on delivery'),
    digest: Digest.nullable().describe('null for a payload that somebody gave'),
    key: z.string(),
  }),
  { subject: 12, digest: 'sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1', key: '' },
)
export type EnrichmentSubject = z.infer<typeof EnrichmentSubject>

/** What came of a chunk, or of a part of its subjects. Delivered as gzip JSON with the chunk's token. */
export const EnrichmentResults = defineSchema(
  'EnrichmentResults',
  z.discriminatedUnion('kind', [
    z.object({
      kind: z.literal('subjects'),
      subjects: z
        .array(
          z.object({
            subject: z.int().min(0),
            outcomes: z.array(EnricherOutcome).nullable().describe('One for each enricher of the set; null: it could not be run at all'),
            reason: z.string().max(2000).optional().describe('Why it could not be run'),
          }),
        )
        .describe('May be a part of the chunk; the rest is delivered later under the same token'),
    }),
    z.object({
      kind: z.literal('validate'),
      problems: z.array(EnricherProblem).max(500),
      hash: z.string().nullable().describe('Of the set; null when there are problems'),
      enrichers: z.array(EnricherDescription),
      warnings: z.array(z.string()).max(100),
      files: z.array(EnricherFile).nullable().describe('What was fetched, when the claim gave a source'),
    }),
    z.object({ kind: z.literal('test'), problems: z.array(EnricherProblem).max(500), outcomes: z.array(EnricherOutcome) }),
  ]),
  { kind: 'subjects', subjects: [{ subject: 12, outcomes: [exampleOf(EnricherOutcome)] }] },
)
export type EnrichmentResults = z.infer<typeof EnrichmentResults>

export const EnrichmentAnswer = defineSchema(
  'EnrichmentAnswer',
  z.object({
    outcome: z.enum(['stored', 'already-stored']),
    remaining: z.int().min(0).describe('Subjects of the chunk that are not delivered yet; 0: the chunk has ended'),
  }),
  { outcome: 'stored', remaining: 0 },
)
export type EnrichmentAnswer = z.infer<typeof EnrichmentAnswer>

/** A worker gives up on what it has not delivered of a chunk. */
export const EnrichmentFailure = defineSchema(
  'EnrichmentFailure',
  z.object({
    reason: z.string().max(2000),
    isCounted: z.boolean().describe('false: the worker ends, or results-service could not be reached; the chunk is not at fault'),
  }),
  { reason: 'The worker cannot read this set.', isCounted: true },
)
export type EnrichmentFailure = z.infer<typeof EnrichmentFailure>

export const EnrichmentLease = defineSchema(
  'EnrichmentLease',
  z.object({ continue: z.boolean().describe('false: the run was paused or cancelled, or another set is active: stop'), leaseMs: z.int() }),
  { continue: true, leaseMs: 60_000 },
)
export type EnrichmentLease = z.infer<typeof EnrichmentLease>

/** Files of a set, for workers. */
export const EnrichmentSetFiles = defineSchema(
  'EnrichmentSetFiles',
  z.object({ id: Uuid, hash: z.string(), files: z.array(EnricherFile) }),
  { id: '0190d7a2-6c1e-7d5b-8b0a-3a6f0b1c2d3e', hash: '4bcff639', files: [exampleOf(EnricherFile)] },
)
export type EnrichmentSetFiles = z.infer<typeof EnrichmentSetFiles>

/** Path of the claim under results-service. */
export const enrichmentClaimPath = '/internal/v1/enrichments/claim'

/** Path of a chunk's action under results-service. */
export function enrichmentChunkPath(chunkId: string, action: 'renew' | 'deliver' | 'fail'): string {
  return `/internal/v1/enrichments/${encodeURIComponent(chunkId)}/${action}`
}

/** Path of the files of a set under results-service. */
export function enrichmentSetPath(setId: string): string {
  return `/internal/v1/enrichers/sets/${encodeURIComponent(setId)}/files`
}
