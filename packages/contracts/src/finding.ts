import { z } from 'zod'
import { Digest, EngineName, pageOf, Severity, Timestamp, Uuid } from './primitives.js'
import { decisionStatuses } from './query/filter-fields.js'
import { filteredPageQuery, walkablePageOf } from './query/query-page.js'
import { defineSchema, exampleOf } from './schema.js'

/** Whether and how a vulnerability is fixed, as the advisory says. */
export const FixState = defineSchema('FixState', z.enum(['fixed', 'not-fixed', 'wont-fix', 'unknown']).describe('Fix state'), 'fixed')
export type FixState = z.infer<typeof FixState>

export const Cvss = defineSchema(
  'Cvss',
  z.object({
    source: z.string().nullable().describe('Who scored, e.g. nvd@nist.gov'),
    type: z.string().nullable().describe('Primary or Secondary'),
    version: z.string().describe('CVSS version, e.g. 3.1'),
    vector: z.string().describe('CVSS vector'),
    baseScore: z.number().min(0).max(10).nullable().describe('Base score, 0 to 10'),
  }),
  { source: 'nvd@nist.gov', type: 'Primary', version: '3.1', vector: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H', baseScore: 9.8 },
)
export type Cvss = z.infer<typeof Cvss>

export const Epss = defineSchema(
  'Epss',
  z.object({
    probability: z.number().min(0).max(1).describe('Probability of exploitation within 30 days, 0 to 1'),
    percentile: z.number().min(0).max(1).describe('Share of vulnerabilities scored lower, 0 to 1'),
    date: z.string().nullable().describe('Day of the score, YYYY-MM-DD'),
  }),
  { probability: 0.62, percentile: 0.98, date: '2026-11-20' },
)
export type Epss = z.infer<typeof Epss>

export const KnownExploited = defineSchema(
  'KnownExploited',
  z.object({
    dateAdded: z.string().nullable().describe('Day of listing in the KEV catalogue, YYYY-MM-DD'),
    dueDate: z.string().nullable(),
    ransomware: z.boolean().describe('Known to be used in ransomware campaigns'),
  }),
  { dateAdded: '2023-11-21', dueDate: '2023-12-12', ransomware: false },
)
export type KnownExploited = z.infer<typeof KnownExploited>

/** A version in which a vulnerability is fixed, and since when it can be had. */
export const AvailableFix = defineSchema(
  'AvailableFix',
  z.object({
    version: z.string(),
    date: z.string().nullable().describe('YYYY-MM-DD'),
    kind: z.string().nullable().describe('How the date is known, e.g. first-observed'),
  }),
  { version: '4.17.21', date: '2021-02-20', kind: 'first-observed' },
)
export type AvailableFix = z.infer<typeof AvailableFix>

/** Where something was found in the image. */
export const Location = defineSchema(
  'Location',
  z.object({
    path: z.string().describe('Path in the image'),
    layer: z.string().nullable().describe('Diff id of the layer that brought it'),
  }),
  { path: '/var/lib/dpkg/status', layer: 'sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1' },
)
export type Location = z.infer<typeof Location>

export const PackageRef = defineSchema(
  'PackageRef',
  z.object({
    type: z.string().describe('Package type, e.g. deb, apk, npm, go-module, python'),
    name: z.string(),
    version: z.string(),
    purl: z.string().nullable().describe('Package URL'),
  }),
  { type: 'npm', name: 'lodash', version: '4.17.20', purl: 'pkg:npm/lodash@4.17.20' },
)
export type PackageRef = z.infer<typeof PackageRef>

/** What one engine says of a finding that several may report. */
export const FindingReporter = defineSchema(
  'FindingReporter',
  z.object({
    id: z.string().describe("Id of the engine's own finding"),
    engine: EngineName,
    nativeId: z.string(),
    namespace: z.string(),
    severity: Severity,
    severityGiven: z.string().describe('Severity as the source words it'),
    risk: z.number().min(0).max(100),
    fix: z.object({ state: FixState, versions: z.array(z.string()) }),
    isSuppressed: z.boolean(),
    lastConfirmed: z.object({
      at: Timestamp,
      engineVersion: z.string().nullable(),
      database: z
        .object({ schemaVersion: z.string(), builtAt: Timestamp.nullable(), checksum: z.string().nullable() })
        .nullable()
        .describe('The database that last confirmed it'),
    }),
  }),
  {
    id: 'f_7k2m9q4t1x8z',
    engine: 'grype',
    nativeId: 'GHSA-35jh-r3h4-6jhm',
    namespace: 'github:language:javascript',
    severity: 'high',
    severityGiven: 'High',
    risk: 3.2,
    fix: { state: 'fixed', versions: ['4.17.21'] },
    isSuppressed: false,
    lastConfirmed: { at: '2026-11-24T08:00:00.000Z', engineVersion: '0.121.2', database: null },
  },
)
export type FindingReporter = z.infer<typeof FindingReporter>

/** Where two engines do not agree on a finding, and why as far as their data tells. */
export const FindingDifference = defineSchema(
  'FindingDifference',
  z.object({
    kind: z
      .enum(['severity', 'fix', 'range', 'status', 'only-one'])
      .describe('severity, fixed versions, affected versions, state of the fix, or that one engine alone reports it'),
    detail: z.string().describe('What each says'),
  }),
  { kind: 'severity', detail: 'grype: high (High, github:language:javascript); trivy: critical (CRITICAL, ghsa)' },
)
export type FindingDifference = z.infer<typeof FindingDifference>

/**
 * A vulnerability found in an image: one row for each package occurrence and alias group. What several engines report of one
 * package is one row: the finding of the first engine that fits the filter, with all of them in `reportedBy`.
 */
export const Finding = defineSchema(
  'Finding',
  z.object({
    id: z.string().describe('Stable id: survives rescans, engine upgrades and aliases that merge'),
    kind: z.literal('vulnerability'),
    engine: EngineName,
    vulnerability: z.object({
      id: z.string().describe('Canonical id: the CVE where an alias is one'),
      nativeId: z.string().describe('Id as the engine gave it, e.g. a GHSA'),
      namespace: z.string().describe('Source of the advisory, e.g. github:language:javascript'),
      aliases: z.array(z.string()),
      severity: Severity,
      severityGiven: z.string().describe('Severity as the source words it'),
      cvss: z.array(Cvss),
      epss: Epss.nullable(),
      kev: KnownExploited.nullable(),
      description: z.string().nullable(),
      urls: z.array(z.string()),
      cwes: z.array(z.string()),
    }),
    alsoReportedAs: z
      .array(
        z.object({
          nativeId: z.string(),
          namespace: z.string(),
          severityGiven: z.string(),
          fix: z.object({ state: FixState, versions: z.array(z.string()) }),
        }),
      )
      .optional()
      .describe(
        'Further advisories of the same alias group that the engine reported for this package; the one of the highest risk speaks for the finding',
      ),
    risk: z.number().min(0).max(100).describe('Risk score, 0 to 100'),
    fix: z.object({ state: FixState, versions: z.array(z.string()), available: z.array(AvailableFix) }),
    package: PackageRef,
    locations: z.array(Location),
    state: z.enum(['open', 'gone']).describe('gone: the last complete scan did not find it any more'),
    firstSeenAt: Timestamp,
    lastSeenAt: Timestamp,
    matchDetails: z
      .array(z.object({ type: z.string(), matcher: z.string(), searchedBy: z.unknown(), found: z.unknown() }))
      .describe('Why the engine matched'),
    image: z
      .object({
        digest: Digest,
        references: z.array(z.string()).describe('repository:tag that lead to it now and that the caller may see, at most 20'),
        platform: z.string(),
        workloadCount: z.int().min(0).describe('Containers of workloads that run it now and that the caller may see'),
      })
      .optional(),
    layer: z
      .object({
        diffId: z.string(),
        position: z.int().min(0).nullable().describe('Position among the layers of the image, the base first'),
        isFromBase: z.boolean().nullable().describe('Whether it is a layer of the base image; null when that is not known'),
      })
      .nullable()
      .optional()
      .describe('Layer that brought the package'),
    decision: z
      .object({ status: z.enum(decisionStatuses), by: z.string(), at: Timestamp })
      .nullable()
      .optional()
      .describe('What was decided on it; null is nothing yet'),
    isSuppressed: z.boolean().optional().describe('Whether the decision takes it out of the counts'),
    allowed: z
      .array(z.enum(['decide']))
      .optional()
      .describe('What the caller may do with it'),
    reportedBy: z.array(FindingReporter).optional(),
    differences: z.array(FindingDifference).optional(),
  }),
  {
    id: 'f_7k2m9q4t1x8z',
    kind: 'vulnerability',
    engine: 'grype',
    vulnerability: {
      id: 'CVE-2021-23337',
      nativeId: 'GHSA-35jh-r3h4-6jhm',
      namespace: 'github:language:javascript',
      aliases: ['CVE-2021-23337', 'GHSA-35jh-r3h4-6jhm'],
      severity: 'high',
      severityGiven: 'High',
      cvss: [],
      epss: null,
      kev: null,
      description: 'Command injection in lodash',
      urls: [],
      cwes: ['CWE-94'],
    },
    risk: 3.2,
    fix: { state: 'fixed', versions: ['4.17.21'], available: [] },
    package: { type: 'npm', name: 'lodash', version: '4.17.20', purl: 'pkg:npm/lodash@4.17.20' },
    locations: [{ path: '/app/node_modules/lodash/package.json', layer: null }],
    state: 'open',
    firstSeenAt: '2026-11-24T08:00:00.000Z',
    lastSeenAt: '2026-11-24T08:00:00.000Z',
    matchDetails: [],
  },
)
export type Finding = z.infer<typeof Finding>
export const FindingPage = walkablePageOf('FindingPage', Finding, exampleOf(Finding))
export type FindingPage = z.infer<typeof FindingPage>

/** Filters of `/images/{digest}/findings`. Comma-separated lists mean "one of". */
export const ListFindingsQuery = defineSchema(
  'ListFindingsQuery',
  filteredPageQuery('findings', Finding).extend({
    engine: EngineName.optional(),
    severity: z.string().max(100).optional().describe('Severities, comma separated'),
    minRisk: z.coerce.number().min(0).max(100).optional(),
    kev: z.enum(['true', 'false']).optional().describe('Known to be exploited'),
    fix: z.string().max(100).optional().describe('Fix states, comma separated'),
    package: z.string().max(255).optional().describe('Package name; * stands for any run of characters'),
    type: z.string().max(100).optional().describe('Package types, comma separated'),
    vulnerability: z.string().max(100).optional().describe('Id or alias'),
    state: z.enum(['open', 'gone', 'all']).optional().describe('open, unless the filter speaks of the state'),
    sort: z
      .enum(['-risk', 'risk', '-severity', 'severity', '-epss', 'epss', '-firstSeen', 'firstSeen', 'package', 'vulnerability'])
      .default('-risk')
      .describe('Order, with - the highest or newest first; ties have a fixed order'),
  }),
  { severity: 'critical,high', sort: '-risk' },
)
export type ListFindingsQuery = z.infer<typeof ListFindingsQuery>

/** A list of the findings of all images that the caller may see. */
export const QueryFindings = defineSchema(
  'QueryFindings',
  filteredPageQuery('findings', Finding).extend({
    sort: z
      .enum(['-risk', 'risk', '-severity', 'severity', '-epss', 'epss', '-firstSeen', 'firstSeen'])
      .default('-risk')
      .describe('Order, with - the highest or newest first. severity is the one that the vulnerability has now; ties have a fixed order'),
  }),
  { filter: 'severity >= high and kev = true', sort: '-risk' },
)
export type QueryFindings = z.infer<typeof QueryFindings>

/** A secret found in an image. The secret itself is never kept, only a masked line. */
export const SecretFinding = defineSchema(
  'SecretFinding',
  z.object({
    id: z.string(),
    kind: z.literal('secret'),
    engine: EngineName,
    rule: z.string().describe('Rule that found it, e.g. aws-access-key-id'),
    category: z.string(),
    title: z.string(),
    severity: Severity,
    path: z.string(),
    startLine: z.int(),
    endLine: z.int(),
    masked: z.string().describe('The line with the secret replaced by asterisks'),
    layer: z.string().nullable(),
    state: z.enum(['open', 'gone']),
    firstSeenAt: Timestamp,
    lastSeenAt: Timestamp,
  }),
  {
    id: 's_1',
    kind: 'secret',
    engine: 'trivy',
    rule: 'private-key',
    category: 'AsymmetricPrivateKey',
    title: 'Asymmetric Private Key',
    severity: 'high',
    path: '/app/key.pem',
    startLine: 1,
    endLine: 1,
    masked: '-----BEGIN ********',
    layer: null,
    state: 'open',
    firstSeenAt: '2026-11-24T08:00:00.000Z',
    lastSeenAt: '2026-11-24T08:00:00.000Z',
  },
)
export type SecretFinding = z.infer<typeof SecretFinding>
export const SecretFindingPage = pageOf('SecretFindingPage', SecretFinding, exampleOf(SecretFinding))
export type SecretFindingPage = z.infer<typeof SecretFindingPage>

export const MisconfigurationFinding = defineSchema(
  'MisconfigurationFinding',
  z.object({
    id: z.string(),
    kind: z.literal('misconfiguration'),
    engine: EngineName,
    check: z.string().describe('Check id, e.g. DS-0002'),
    title: z.string(),
    description: z.string(),
    message: z.string(),
    resolution: z.string(),
    severity: Severity,
    target: z.string(),
    urls: z.array(z.string()),
    state: z.enum(['open', 'gone']),
    firstSeenAt: Timestamp,
    lastSeenAt: Timestamp,
  }),
  {
    id: 'm_1',
    kind: 'misconfiguration',
    engine: 'trivy',
    check: 'DS-0002',
    title: 'Image user should not be root',
    description: 'Running as root is a risk.',
    message: 'Specify a USER',
    resolution: 'Add USER to the Dockerfile',
    severity: 'high',
    target: 'Dockerfile',
    urls: [],
    state: 'open',
    firstSeenAt: '2026-11-24T08:00:00.000Z',
    lastSeenAt: '2026-11-24T08:00:00.000Z',
  },
)
export type MisconfigurationFinding = z.infer<typeof MisconfigurationFinding>
export const MisconfigurationFindingPage = pageOf(
  'MisconfigurationFindingPage',
  MisconfigurationFinding,
  exampleOf(MisconfigurationFinding),
)
export type MisconfigurationFindingPage = z.infer<typeof MisconfigurationFindingPage>

export const FindingId = z.union([z.string(), Uuid])
