import { z } from 'zod'
import { Digest, pageOf, PageQuery, Timestamp, Uuid } from './primitives.js'
import { defineSchema, exampleOf } from './schema.js'

const count = z.int().min(0)
const data = z.record(z.string(), z.unknown())
const exampleId = '0190d7a2-6c1e-7d5b-8b0a-3a6f0b1c2d3e'

/** A file of a set of enrichers. */
export const EnricherFile = defineSchema(
  'EnricherFile',
  z.strictObject({
    path: z
      .string()
      .min(1)
      .max(512)
      .describe('Relative path with / between its parts, e.g. owner/enricher.yaml; of a ConfigMap a name without folders'),
    content: z
      .string()
      .max(1024 * 1024)
      .describe('Text of the file'),
  }),
  { path: 'owner/enricher.yaml', content: 'name: owner\nenrichers:\n  - starlark: owner.star\n' },
)
export type EnricherFile = z.infer<typeof EnricherFile>

const files = z.array(EnricherFile).min(1).max(1000)

/** Where the files of a set are fetched from. */
export const EnricherSource = defineSchema(
  'EnricherSource',
  z.strictObject({
    git: z.string().min(1).max(1024).describe('Address of the repository, https'),
    commit: z
      .string()
      .regex(/^[a-f0-9]{40}$|^[a-f0-9]{64}$/, 'A commit is pinned by its whole hash')
      .describe('Commit, by its whole hash: a branch or tag may move'),
    path: z.string().max(512).default('').describe('Folder of the enrichers in the repository'),
  }),
  { git: 'https://git.example/platform/enrichers.git', commit: '4bcff63911fcb4448bd4fdacec207030997caf25', path: 'pharos' },
)
export type EnricherSource = z.infer<typeof EnricherSource>

/** A mistake in a set of enrichers. */
export const EnricherProblem = defineSchema(
  'EnricherProblem',
  z.object({
    file: z.string().describe('Path of the file; empty when it is none of one file'),
    line: z.int().min(1).optional(),
    column: z.int().min(1).optional(),
    message: z.string().describe('What is wrong and what to do'),
  }),
  { file: 'owner/owner.star', line: 3, column: 5, message: 'The name "ownr" is not defined.' },
)
export type EnricherProblem = z.infer<typeof EnricherProblem>

export const scriptEngines = ['starlark', 'template', 'yaegi'] as const

/** Why a script failed. */
export const ScriptFailure = defineSchema(
  'ScriptFailure',
  z.object({
    kind: z
      .enum(['syntax', 'contract', 'runtime', 'steps', 'timeout', 'memory', 'stack', 'output', 'input', 'network', 'crash'])
      .describe('What stopped it; steps, timeout, memory, stack and output are limits'),
    engine: z.string().describe('starlark, template or yaegi; file for a step that only reads a file'),
    script: z.string().describe('Path of the script'),
    message: z.string(),
    line: z.int().min(1).optional(),
    column: z.int().min(1).optional(),
    trace: z.string().optional(),
  }),
  { kind: 'steps', engine: 'starlark', script: 'owner/owner.star', message: 'More than 10,000,000 steps.', line: 3, column: 5 },
)
export type ScriptFailure = z.infer<typeof ScriptFailure>

/** What came of one enricher for one payload. */
export const EnricherOutcome = defineSchema(
  'EnricherOutcome',
  z.discriminatedUnion('ok', [
    z.object({
      ok: z.literal(true),
      enricher: z.string().describe('Name of the enricher, the owner of its context'),
      data: data.describe('The context'),
      prints: z.array(z.string()).describe('What the scripts printed, at most 100 lines'),
      steps: z.number().min(0).describe('Steps that the engine counted; 0 of engines that count none'),
      ms: z.number().min(0).describe('Time, milliseconds'),
    }),
    z.object({
      ok: z.literal(false),
      enricher: z.string(),
      error: ScriptFailure,
      prints: z.array(z.string()),
      ms: z.number().min(0),
    }),
  ]),
  { ok: true, enricher: 'owner', data: { team: 'payments' }, prints: [], steps: 312, ms: 1.4 },
)
export type EnricherOutcome = z.infer<typeof EnricherOutcome>

/** An enricher of a set. */
export const EnricherDescription = defineSchema(
  'EnricherDescription',
  z.object({
    name: z.string().describe('Owner of the contexts that it makes'),
    engines: z.array(z.string()).describe('Kinds of its steps, in their order: file, hbs, starlark, yaegi, debug'),
  }),
  { name: 'owner', engines: ['file', 'starlark'] },
)
export type EnricherDescription = z.infer<typeof EnricherDescription>

/** A set of enrichers: files that are checked, kept and activated as a whole. */
export const StoredEnricherSet = defineSchema(
  'StoredEnricherSet',
  z.object({
    id: Uuid,
    version: z.int().min(1).describe('Number of the set; each new one has a greater one'),
    hash: z.string().describe('Hash over the files and their order: sets with the same hash do the same'),
    state: z
      .enum(['checking', 'invalid', 'draft', 'active', 'retired'])
      .describe(
        'checking: no worker has compiled the scripts yet; invalid: see problems; draft: can be activated; active: the one that runs; retired: was active',
      ),
    label: z.string().nullable(),
    enrichers: z.array(EnricherDescription).describe('In the order in which they run'),
    problems: z.array(EnricherProblem).describe('Mistakes of an invalid set'),
    warnings: z.array(z.string()),
    source: EnricherSource.nullable().describe('null for a set whose files were sent'),
    createdAt: Timestamp,
    createdBy: z.string(),
    activatedAt: Timestamp.nullable().describe('When it last became the active one'),
  }),
  {
    id: exampleId,
    version: 7,
    hash: '4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1',
    state: 'active',
    label: 'owners of the third quarter',
    enrichers: [exampleOf(EnricherDescription)],
    problems: [],
    warnings: [],
    source: null,
    createdAt: '2026-11-24T08:00:00.000Z',
    createdBy: 'user:admin',
    activatedAt: '2026-11-24T08:01:00.000Z',
  },
)
export type StoredEnricherSet = z.infer<typeof StoredEnricherSet>
export const EnricherSetPage = pageOf('EnricherSetPage', StoredEnricherSet, exampleOf(StoredEnricherSet))
export type EnricherSetPage = z.infer<typeof EnricherSetPage>

export const EnricherSetDetail = defineSchema('EnricherSetDetail', StoredEnricherSet.extend({ files: z.array(EnricherFile) }), {
  ...exampleOf(StoredEnricherSet),
  files: [exampleOf(EnricherFile)],
})
export type EnricherSetDetail = z.infer<typeof EnricherSetDetail>

/** A new set: its files, or where a worker fetches them. */
export const CreateEnricherSet = defineSchema(
  'CreateEnricherSet',
  z
    .strictObject({
      files: files.optional(),
      source: EnricherSource.optional(),
      label: z.string().min(1).max(200).optional().describe('Words for people, e.g. why it was made'),
    })
    .refine((set) => (set.files === undefined) !== (set.source === undefined), 'Give either files or source'),
  { files: [exampleOf(EnricherFile)], label: 'owners of the third quarter' },
)
export type CreateEnricherSet = z.infer<typeof CreateEnricherSet>

/** How a context differs between two sets. */
export const ContextDifference = defineSchema(
  'ContextDifference',
  z.object({
    digest: Digest,
    key: z.string().describe("'' for the image itself, else the key of a submitted context or a workload"),
    owner: z.string().describe('The enricher'),
    kind: z.enum(['added', 'changed', 'removed', 'failed']).describe('failed: the enricher failed; its former context stays'),
    before: data.nullable(),
    after: data.nullable(),
    error: ScriptFailure.nullable(),
  }),
  {
    digest: 'sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1',
    key: '',
    owner: 'owner',
    kind: 'changed',
    before: { team: 'payments' },
    after: { team: 'checkout' },
    error: null,
  },
)
export type ContextDifference = z.infer<typeof ContextDifference>
export const ContextDifferencePage = pageOf('ContextDifferencePage', ContextDifference, exampleOf(ContextDifference))
export type ContextDifferencePage = z.infer<typeof ContextDifferencePage>

/** A set of enrichers runs over the fleet. No image is scanned. */
export const EnricherRun = defineSchema(
  'EnricherRun',
  z.object({
    id: Uuid,
    kind: z.enum(['activate', 'compare']).describe('activate: contexts are replaced; compare: only the differences are kept'),
    setId: Uuid,
    setVersion: z.int().min(1),
    formerSetId: Uuid.nullable().describe('The set that was active when the run began'),
    state: z.enum(['running', 'paused', 'done', 'cancelled']),
    subjects: z
      .object({
        total: count,
        done: count.describe('All that have ended, failed ones with them'),
        failed: count.describe('Subjects that no worker could enrich; an enricher that fails by itself does not count here'),
      })
      .describe('Subjects: images, and each of their workloads and submitted contexts'),
    contexts: z.object({ added: count, changed: count, removed: count, unchanged: count, failed: count }),
    secondsLeft: z.number().min(0).nullable().describe('Estimate from the pace so far; null while there is none'),
    problem: z.string().nullable().describe('What keeps it from going on'),
    startedAt: Timestamp,
    startedBy: z.string(),
    endedAt: Timestamp.nullable(),
  }),
  {
    id: exampleId,
    kind: 'activate',
    setId: exampleId,
    setVersion: 7,
    formerSetId: null,
    state: 'running',
    subjects: { total: 10_000, done: 2500, failed: 0 },
    contexts: { added: 0, changed: 120, removed: 0, unchanged: 7380, failed: 0 },
    secondsLeft: 90,
    problem: null,
    startedAt: '2026-11-24T08:01:00.000Z',
    startedBy: 'user:admin',
    endedAt: null,
  },
)
export type EnricherRun = z.infer<typeof EnricherRun>
export const EnricherRunPage = pageOf('EnricherRunPage', EnricherRun, exampleOf(EnricherRun))
export type EnricherRunPage = z.infer<typeof EnricherRunPage>

/** A run with the first of its differences. */
export const EnricherRunDetail = defineSchema(
  'EnricherRunDetail',
  EnricherRun.extend({ samples: z.array(ContextDifference).describe('The first 20 differences that the caller may see') }),
  { ...exampleOf(EnricherRun), samples: [exampleOf(ContextDifference)] },
)
export type EnricherRunDetail = z.infer<typeof EnricherRunDetail>

export const ListContextDifferences = defineSchema(
  'ListContextDifferences',
  PageQuery.extend({
    owner: z.string().max(200).optional().describe('Only of this enricher'),
    kind: ContextDifference.shape.kind.optional(),
  }),
  { limit: 50, kind: 'changed' },
)
export type ListContextDifferences = z.infer<typeof ListContextDifferences>

/** The active set, and how each of its enrichers does. */
export const EnricherOverview = defineSchema(
  'EnricherOverview',
  z.object({
    active: StoredEnricherSet.nullable().describe('null while no set was ever activated: nothing is enriched'),
    run: EnricherRun.nullable().describe('The activation that is under way'),
    due: count.describe('Subjects that wait for their contexts'),
    enrichers: z.array(
      EnricherDescription.extend({
        runs: count.describe('Since the set was activated'),
        failures: count,
        meanMs: z.number().min(0).nullable(),
        lastError: z.object({ at: Timestamp, digest: Digest.nullable(), key: z.string(), error: ScriptFailure }).nullable(),
      }),
    ),
  }),
  {
    active: exampleOf(StoredEnricherSet),
    run: null,
    due: 0,
    enrichers: [{ ...exampleOf(EnricherDescription), runs: 10_000, failures: 0, meanMs: 1.4, lastError: null }],
  },
)
export type EnricherOverview = z.infer<typeof EnricherOverview>

/** Runs enrichers once and keeps nothing. */
export const TestEnrichers = defineSchema(
  'TestEnrichers',
  z
    .strictObject({
      files: files.optional().describe('Enrichers to try; without files and set those of the active set run'),
      set: Uuid.optional(),
      image: Digest.optional().describe('A stored image'),
      key: z.string().max(1300).optional().describe('With image: key of a workload or of a submitted context'),
      payload: data.optional().describe('A payload, as GET /images/{digest}/enricher-payload answers it'),
      sample: z.literal(true).optional().describe('The sample payload'),
      enricher: z.string().max(200).optional().describe('Only this enricher'),
    })
    .refine((test) => test.files === undefined || test.set === undefined, 'Give either files or set')
    .refine(
      (test) => [test.image, test.payload, test.sample].filter((one) => one !== undefined).length === 1,
      'Give one of image, payload and sample',
    ),
  { sample: true, enricher: 'owner' },
)
export type TestEnrichers = z.infer<typeof TestEnrichers>

export const EnricherTestAnswer = defineSchema(
  'EnricherTestAnswer',
  z.object({
    problems: z.array(EnricherProblem).describe('Mistakes of the files; with any, nothing was run'),
    outcomes: z.array(EnricherOutcome).describe('In the order of the set'),
  }),
  { problems: [], outcomes: [exampleOf(EnricherOutcome)] },
)
export type EnricherTestAnswer = z.infer<typeof EnricherTestAnswer>

export const EnricherPayloadQuery = defineSchema(
  'EnricherPayloadQuery',
  z.object({ key: z.string().max(1300).optional().describe('Key of a workload or of a submitted context; the image itself without it') }),
  { key: 'default' },
)
export type EnricherPayloadQuery = z.infer<typeof EnricherPayloadQuery>
