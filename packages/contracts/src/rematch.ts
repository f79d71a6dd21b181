import { z } from 'zod'
import { EngineName, pageOf, PageQuery, Timestamp, Uuid } from './primitives.js'
import { defineSchema, exampleOf } from './schema.js'

const count = z.int().min(0)

/** What a re-match has come to. Numbers of findings and images are 0 until its switch. */
export const RematchReport = defineSchema(
  'RematchReport',
  z.object({
    packages: z
      .object({
        matched: count.describe('Matched in the new database'),
        skipped: count.describe('Left out, since the difference of the databases cannot touch them'),
        failed: count.describe('Could not be matched; their images are scanned again'),
      })
      .describe('Unique packages'),
    matches: z
      .object({
        appeared: count,
        gone: count,
        changed: count.describe('The same vulnerability with another fix or other details'),
        changedFix: count.describe('Of the changed ones, those with another state of the fix or other fixed versions'),
      })
      .describe('Matches of unique packages'),
    vulnerabilities: z
      .object({
        described: count.describe('Known vulnerabilities that the new database describes'),
        changedSeverity: count,
        changedKev: count.describe('Entered or left the catalogue of known exploited vulnerabilities'),
        epssCrossed: count.describe('EPSS went over, or fell under, the configured threshold'),
      })
      .describe('Vulnerabilities that were known before'),
    findings: z.object({ appeared: count, gone: count, changed: count }).describe('Findings of images'),
    images: z.object({
      affected: count.describe('With a finding that appeared, went or changed'),
      covered: count.describe('Judged by the new database without a scan'),
      rescanned: count.describe('Not covered: they keep their former result until they are scanned again'),
    }),
    seconds: z.object({
      matching: z.number().min(0).describe('From the start until the last package was matched'),
      switching: z.number().min(0).describe('Length of the switch'),
      total: z.number().min(0),
      comparing: z
        .number()
        .min(0)
        .nullable()
        .optional()
        .describe('Of matching: until it was known what both databases differ in; null where nothing was left out for that'),
      held: z.number().min(0).optional().describe('Of switching: time in which reports had to wait'),
      phases: z.record(z.string(), z.number().min(0)).optional().describe('Seconds of the parts of the switch, by name'),
    }),
  }),
  {
    packages: { matched: 812, skipped: 59_204, failed: 0 },
    matches: { appeared: 120, gone: 31, changed: 44, changedFix: 40 },
    vulnerabilities: { described: 41_022, changedSeverity: 12, changedKev: 1, epssCrossed: 3 },
    findings: { appeared: 5_102, gone: 960, changed: 1_204 },
    images: { affected: 3_011, covered: 10_000, rescanned: 0 },
    seconds: { matching: 21.4, switching: 4.2, total: 25.6, comparing: 1.9, held: 4.1, phases: { vulnerabilities: 0.6, findings: 2.2 } },
  },
)
export type RematchReport = z.infer<typeof RematchReport>

/** The fleet's unique packages are matched in another version of an engine's vulnerability database. */
export const Rematch = defineSchema(
  'Rematch',
  z.object({
    id: Uuid,
    engine: EngineName,
    generationId: Uuid.describe('The database that the fleet is to be judged by'),
    formerGenerationId: Uuid.nullable().describe('The database that it was judged by; null when only the new one is at hand'),
    state: z
      .enum(['preparing', 'switching', 'done', 'abandoned'])
      .describe(
        'preparing: packages are matched, nothing of it is visible; switching: the differences are being applied; abandoned: a newer database came before anything was matched',
      ),
    isPaused: z.boolean(),
    isNarrowed: z.boolean().describe('Packages that the difference of both databases cannot touch are skipped'),
    progress: z.object({
      chunks: count.describe('Pieces of work'),
      ended: count.describe('Pieces that have ended'),
      failed: count.describe('Of these, pieces that were given up'),
      round: z.int().min(1).describe('1, and one more each time that packages came in meanwhile'),
    }),
    problem: z.string().nullable().describe('What keeps it from going on, or why packages were left to scans'),
    report: RematchReport,
    startedAt: Timestamp,
    endedAt: Timestamp.nullable(),
  }),
  {
    id: '0190d7a2-6c1e-7d5b-8b0a-3a6f0b1c2d3e',
    engine: 'grype',
    generationId: '0190d7a2-6c1e-7d5b-8b0a-3a6f0b1c2d3f',
    formerGenerationId: '0190d7a2-6c1e-7d5b-8b0a-3a6f0b1c2d30',
    state: 'done',
    isPaused: false,
    isNarrowed: true,
    progress: { chunks: 122, ended: 122, failed: 0, round: 1 },
    problem: null,
    report: exampleOf(RematchReport),
    startedAt: '2026-11-24T08:00:00.000Z',
    endedAt: '2026-11-24T08:00:25.600Z',
  },
)
export type Rematch = z.infer<typeof Rematch>
export const RematchPage = pageOf('RematchPage', Rematch, exampleOf(Rematch))
export type RematchPage = z.infer<typeof RematchPage>

export const ListRematchesQuery = defineSchema('ListRematchesQuery', PageQuery.extend({ engine: EngineName.optional() }), { limit: 50 })
export type ListRematchesQuery = z.infer<typeof ListRematchesQuery>

/** Starts a re-match in the active database by hand. */
export const CreateRematch = defineSchema(
  'CreateRematch',
  z.strictObject({
    engine: EngineName.default('grype'),
    full: z.boolean().default(false).describe('Match every package, also those that the difference to the former database cannot touch'),
  }),
  { engine: 'grype', full: true },
)
export type CreateRematch = z.infer<typeof CreateRematch>
