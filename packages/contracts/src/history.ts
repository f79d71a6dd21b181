import { z } from 'zod'
import { FixState, PackageRef } from './finding.js'
import { Digest, EngineName, pageOf, PageQuery, Severity, Timestamp, Uuid } from './primitives.js'
import { defineSchema, exampleOf } from './schema.js'

/**
 * Why something changed. `image`: the image is another one, or was seen for the first time; `scan`: another result of the same
 * engine, database and catalogue; `database`, `engine`, `catalogue`: these changed; `alias`: two vulnerabilities turned out to be
 * one; `vex`, `decision`: somebody said so.
 */
export const ChangeCause = defineSchema(
  'ChangeCause',
  z
    .enum(['image', 'scan', 'database', 'engine', 'catalogue', 'alias', 'vex', 'decision'])
    .describe('Why it changed: image, scan, database, engine, catalogue, alias, vex or decision'),
  'database',
)
export type ChangeCause = z.infer<typeof ChangeCause>

/** What was known of a finding at a moment. */
export const FindingStanding = defineSchema(
  'FindingStanding',
  z.object({
    severity: Severity,
    fixState: FixState,
    kev: z.boolean().describe('Known to be exploited'),
    decision: z.string().nullable().describe('Status that a decision gave it, e.g. not_affected; null for none'),
  }),
  { severity: 'high', fixState: 'fixed', kev: false, decision: null },
)
export type FindingStanding = z.infer<typeof FindingStanding>

const findingSubject = {
  subject: z.literal('finding'),
  id: z.string().describe('Id of the finding, as in lists of findings'),
  vulnerability: z.string().describe('Canonical id'),
  package: PackageRef,
  engine: EngineName,
}
const standings = {
  before: FindingStanding.nullable().describe('null: it was not there, or what stood is not known'),
  after: FindingStanding.nullable().describe('null: it is not there any more'),
}
const packageSubject = {
  subject: z.literal('package'),
  before: PackageRef.nullable().describe('null: it was not there'),
  after: PackageRef.nullable().describe('null: it is not there any more'),
}

const exampleFinding = {
  subject: 'finding' as const,
  id: 'f_7k2m9q4t1x8z',
  vulnerability: 'CVE-2021-23337',
  package: exampleOf(PackageRef),
  engine: 'grype' as const,
}

const facts = FindingStanding.omit({ decision: true })

/** One change in the history of an image. */
export const HistoryEntry = defineSchema(
  'HistoryEntry',
  z.discriminatedUnion('subject', [
    z.object({
      ...findingSubject,
      at: Timestamp,
      change: z.enum(['appeared', 'gone', 'changed', 'decided']),
      cause: ChangeCause,
      before: facts.nullable().describe('null: it was not there, what stood is not known, or it was only decided upon'),
      after: facts.nullable().describe('null: it is not there any more, or it was only decided upon'),
      decision: z
        .object({ before: z.string().nullable(), after: z.string().nullable() })
        .nullable()
        .describe('Statuses of a decision, where that changed; null within it is none'),
      generationId: Uuid.nullable().describe('Database generation that the news came from'),
      by: z.string().nullable().describe('Who decided; null where an engine said so'),
    }),
    z.object({ ...packageSubject, at: Timestamp, change: z.enum(['added', 'removed', 'changed']), cause: ChangeCause }),
    z.object({
      subject: z.literal('image'),
      at: Timestamp,
      change: z
        .enum(['seen', 'scanned', 'referenced', 'unreferenced'])
        .describe(
          'seen: Pharos heard of it; scanned: the first result of an engine; referenced, unreferenced: a tag leads to it, or does not any more',
        ),
      engine: EngineName.nullable(),
      findings: z.int().min(0).nullable().describe('Findings of the first result'),
      reference: z.string().nullable().describe('repository:tag, or repository@digest'),
    }),
  ]),
  {
    ...exampleFinding,
    at: '2026-11-24T08:00:00.000Z',
    change: 'gone',
    cause: 'database',
    before: { severity: 'high', fixState: 'fixed', kev: false },
    after: null,
    decision: null,
    generationId: null,
    by: null,
  },
)
export type HistoryEntry = z.infer<typeof HistoryEntry>
export const HistoryPage = pageOf('HistoryPage', HistoryEntry, exampleOf(HistoryEntry))
export type HistoryPage = z.infer<typeof HistoryPage>

/** What an image is compared with: another image, or itself at another moment. */
export const DiffQuery = defineSchema(
  'DiffQuery',
  PageQuery.extend({
    with: Digest.optional().describe('Compare with this image: what it has more, or less'),
    since: Timestamp.optional().describe('Compare with what was known at this moment'),
    until: Timestamp.optional().describe('The later moment; now when left out'),
  }),
  { since: '2026-11-01T00:00:00.000Z' },
)
export type DiffQuery = z.infer<typeof DiffQuery>

/** One difference. Findings are the open ones that no decision suppresses. */
export const Difference = defineSchema(
  'Difference',
  z.discriminatedUnion('subject', [
    z.object({
      ...findingSubject,
      change: z.enum(['added', 'removed', 'changed']),
      cause: ChangeCause,
      ...standings,
      at: Timestamp.nullable().describe('When it last changed within the time; null between two images'),
    }),
    z.object({
      ...packageSubject,
      change: z.enum(['added', 'removed', 'changed']),
      cause: ChangeCause,
      at: Timestamp.nullable().describe('When it last changed within the time; null between two images'),
    }),
  ]),
  {
    ...exampleFinding,
    change: 'removed',
    cause: 'database',
    before: exampleOf(FindingStanding),
    after: null,
    at: '2026-11-24T08:00:00.000Z',
  },
)
export type Difference = z.infer<typeof Difference>

const DifferenceCounts = z.object({ added: z.int().min(0), removed: z.int().min(0), changed: z.int().min(0) })
const DiffSide = z.object({ digest: Digest, at: Timestamp.describe('The moment whose knowledge is compared') })

/** The difference of two images, or of an image between two moments: packages first, then findings. */
export const ImageDiff = defineSchema(
  'ImageDiff',
  z.object({
    from: DiffSide,
    to: DiffSide,
    counts: z.object({ packages: DifferenceCounts, findings: DifferenceCounts }).describe('Of the whole difference, not of the page'),
    items: z.array(Difference).describe('Differences of this page'),
    nextCursor: z.string().nullable().describe('Cursor of the next page, null on the last'),
  }),
  {
    from: { digest: exampleOf(Digest), at: '2026-11-01T00:00:00.000Z' },
    to: { digest: exampleOf(Digest), at: '2026-11-24T08:00:00.000Z' },
    counts: { packages: { added: 0, removed: 0, changed: 0 }, findings: { added: 0, removed: 1, changed: 0 } },
    items: [exampleOf(Difference)],
    nextCursor: null,
  },
)
export type ImageDiff = z.infer<typeof ImageDiff>

/** Asks for what was known at a moment. */
export const AsOfQuery = defineSchema(
  'AsOfQuery',
  PageQuery.extend({
    at: Timestamp.describe('The moment; beyond the horizon of history it is refused with horizon-exceeded'),
    filter: z
      .string()
      .min(1)
      .max(4096)
      .optional()
      .describe(
        'Filter of findings over what is kept of the past: vulnerability, severity, fix, kev, engine, status, suppressed, package.*, image, platform, firstSeen',
      ),
  }),
  { at: '2026-11-01T00:00:00.000Z' },
)
export type AsOfQuery = z.infer<typeof AsOfQuery>

/** A finding that was open at a past moment, with what was known of it then. Risk and EPSS are not kept over time. */
export const FindingAsOf = defineSchema(
  'FindingAsOf',
  FindingStanding.extend({
    id: z.string().describe('Id of the finding, as in lists of findings'),
    engine: EngineName,
    vulnerability: z.string().describe('Canonical id'),
    package: PackageRef,
    firstSeenAt: Timestamp,
    image: z.object({
      digest: Digest,
      references: z.array(z.string()).describe('repository:tag that led to it then, at most 20'),
      workloads: z.int().min(0).describe('Containers that ran it then'),
    }),
  }),
  {
    ...exampleOf(FindingStanding),
    id: 'f_7k2m9q4t1x8z',
    engine: 'grype',
    vulnerability: 'CVE-2021-23337',
    package: exampleOf(PackageRef),
    firstSeenAt: '2026-10-24T08:00:00.000Z',
    image: { digest: exampleOf(Digest), references: ['docker.io/library/alpine:3.18'], workloads: 2 },
  },
)
export type FindingAsOf = z.infer<typeof FindingAsOf>

/** Findings as of a moment. A page may hold fewer rows than its limit, or none, and still have a next one: work is bounded a page. */
export const FindingAsOfPage = defineSchema(
  'FindingAsOfPage',
  z.object({
    items: z.array(FindingAsOf).describe('Rows of this page'),
    nextCursor: z.string().nullable().describe('Cursor of the next page, null on the last'),
    notKept: z
      .array(z.enum(['risk', 'epss']))
      .optional()
      .describe('What findings have and nobody can tell of the past: it moves daily and is known as of now alone, so no row shows it'),
  }),
  { items: [exampleOf(FindingAsOf)], nextCursor: null, notKept: ['risk', 'epss'] },
)
export type FindingAsOfPage = z.infer<typeof FindingAsOfPage>
