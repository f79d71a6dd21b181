import { z } from 'zod'
import { AvailableFix, Cvss, Epss, FixState, KnownExploited, Location } from '../finding.js'
import { EngineName, Severity } from '../primitives.js'
import { FailureReason } from '../problem.js'
import { defineSchema } from '../schema.js'
import { CataloguerIdentity, ResolvedImage } from './attempt.js'

/**
 * What a worker found in an image, in the form in which it is stored: facts once, joined by position.
 * Sent as gzip JSON. Strings may hold any character but are stored with NUL escaped.
 */
export const ReportPackage = z.object({
  type: z.string(),
  name: z.string(),
  version: z.string(),
  purl: z.string().nullable(),
  distro: z.string().nullable().describe('Distro that the matcher used, e.g. debian:12'),
  language: z.string().nullable(),
  upstreams: z.array(z.object({ name: z.string(), version: z.string().nullable() })),
  cpes: z.array(z.string()),
  licenses: z.array(z.string()),
  matchKey: z.string().nullable().describe('Hash of further fields that the matchers of this type read (metadata), hex'),
  locations: z.array(Location),
  foundBy: z.string().nullable(),
})
export type ReportPackage = z.infer<typeof ReportPackage>

export const ReportVulnerability = z.object({
  nativeId: z.string(),
  namespace: z.string(),
  canonicalId: z.string(),
  aliases: z.array(z.string()),
  severity: Severity,
  severityGiven: z.string(),
  cvss: z.array(Cvss),
  epss: Epss.nullable(),
  kev: KnownExploited.nullable(),
  dataSource: z.string().nullable(),
  urls: z.array(z.string()),
  description: z.string().nullable(),
  cwes: z.array(z.string()),
})
export type ReportVulnerability = z.infer<typeof ReportVulnerability>

export const ReportMatch = z.object({
  package: z.int().min(0).describe('Position in packages'),
  vulnerability: z.int().min(0).describe('Position in vulnerabilities of this engine'),
  fixState: FixState,
  fixVersions: z.array(z.string()),
  fixAvailable: z.array(AvailableFix),
  risk: z.number().min(0).max(100),
  locations: z.array(Location).describe('Where; of the package occurrence that matched'),
  details: z.array(z.object({ type: z.string(), matcher: z.string(), searchedBy: z.unknown(), found: z.unknown() })),
})
export type ReportMatch = z.infer<typeof ReportMatch>

export const ReportSecret = z.object({
  rule: z.string(),
  category: z.string(),
  title: z.string(),
  severity: Severity,
  path: z.string(),
  startLine: z.int(),
  endLine: z.int(),
  masked: z.string(),
  layer: z.string().nullable(),
})
export type ReportSecret = z.infer<typeof ReportSecret>
export const ReportMisconfiguration = z.object({
  check: z.string(),
  title: z.string(),
  description: z.string(),
  message: z.string(),
  resolution: z.string(),
  severity: Severity,
  target: z.string(),
  urls: z.array(z.string()),
})
export type ReportMisconfiguration = z.infer<typeof ReportMisconfiguration>

export const EngineReport = z.object({
  engine: EngineName,
  status: z.enum(['complete', 'partial', 'failed', 'unavailable']),
  engineVersion: z.string().nullable(),
  database: z
    .object({
      generationId: z.string().nullable(),
      schemaVersion: z.string(),
      builtAt: z.string().nullable(),
      checksum: z.string().nullable(),
      isSample: z.boolean(),
      isStale: z.boolean(),
    })
    .nullable(),
  reasons: z.array(FailureReason).max(100),
  vulnerabilities: z.array(ReportVulnerability),
  matches: z.array(ReportMatch),
  secrets: z.array(ReportSecret),
  misconfigurations: z.array(ReportMisconfiguration),
  isDistroEndOfLife: z.boolean().optional().describe('Whether the distribution had reached its end of life, as the database tells it'),
})
export type EngineReport = z.infer<typeof EngineReport>

export const ScanReport = defineSchema(
  'ScanReport',
  z.object({
    reportVersion: z.literal(1),
    image: ResolvedImage,
    config: z
      .object({
        os: z.string(),
        architecture: z.string(),
        createdAt: z.string().nullable(),
        labels: z.record(z.string(), z.string()),
        diffIds: z.array(z.string()),
        history: z.array(z.object({ createdBy: z.string().nullable(), createdAt: z.string().nullable(), isEmptyLayer: z.boolean() })),
      })
      .nullable()
      .describe('From the image configuration; null for a posted SBOM or a match-only rescan'),
    distro: z.object({ id: z.string(), versionId: z.string().nullable(), prettyName: z.string().nullable() }).nullable(),
    catalogue: CataloguerIdentity.extend({
      packageCount: z.int().min(0),
      unreadable: z.array(z.object({ path: z.string(), reason: z.string() })),
      isReused: z.boolean().describe('The stored catalogue was used: no SBOM was uploaded'),
    })
      .nullable()
      .describe('null when no catalogue could be made'),
    packages: z.array(ReportPackage),
    matcherInputs: z
      .string()
      .optional()
      .describe(
        'What matchers read of each package, as canonical JSON: a line a package in the order of packages, empty where nothing is known',
      ),
    engines: z.array(EngineReport).min(1),
  }),
  {
    reportVersion: 1,
    image: {
      digest: 'sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1',
      indexDigest: null,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      platform: 'linux/amd64',
      configDigest: null,
      sizeBytes: 1,
      layers: [],
      annotations: {},
      reference: null,
      indexPlatforms: [],
    },
    config: null,
    distro: null,
    catalogue: null,
    packages: [],
    engines: [
      {
        engine: 'grype',
        status: 'unavailable',
        engineVersion: null,
        database: null,
        reasons: [{ code: 'engine-unavailable', detail: 'grype is not installed' }],
        vulnerabilities: [],
        matches: [],
        secrets: [],
        misconfigurations: [],
      },
    ],
  },
)
export type ScanReport = z.infer<typeof ScanReport>
