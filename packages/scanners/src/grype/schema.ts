import { z } from 'zod'

const Text = z.string().nullish()
const Texts = z.array(z.string()).nullish()

const GrypeCvss = z.object({
  source: Text,
  type: Text,
  version: z.string().default(''),
  vector: z.string().default(''),
  metrics: z.object({ baseScore: z.number().nullish() }).nullish(),
})

const GrypeKnownExploited = z.object({ cve: Text, dateAdded: Text, dueDate: Text, knownRansomwareCampaignUse: Text })
const GrypeEpss = z.object({ cve: Text, epss: z.number(), percentile: z.number(), date: Text })

/** What Grype says of a vulnerability; the related ones (e.g. NVD's view of a GHSA) have the same form. */
export const GrypeMetadata = z.object({
  id: z.string(),
  dataSource: Text,
  namespace: Text,
  severity: Text,
  urls: Texts,
  description: Text,
  cvss: z.array(GrypeCvss).nullish().catch(null),
  knownExploited: z.array(GrypeKnownExploited).nullish().catch(null),
  epss: z.array(GrypeEpss).nullish().catch(null),
  cwes: z
    .array(z.object({ cwe: Text }))
    .nullish()
    .catch(null),
})
export type GrypeMetadata = z.infer<typeof GrypeMetadata>

export const GrypeFix = z
  .object({
    versions: Texts,
    state: Text,
    available: z
      .array(z.object({ version: z.string(), date: Text, kind: Text }))
      .nullish()
      .catch(null),
  })
  .nullish()
export type GrypeFix = z.infer<typeof GrypeFix>

export const GrypeDetails = z
  .array(
    z.object({
      type: z.string().default(''),
      matcher: z.string().default(''),
      searchedBy: z.unknown().optional(),
      found: z.unknown().optional(),
    }),
  )
  .nullish()
export type GrypeDetails = z.infer<typeof GrypeDetails>

/** A vulnerability with those related to it: what a match says of it whatever the package. */
export const GrypeRecord = z.object({
  vulnerability: GrypeMetadata.extend({ risk: z.number().nullish(), aliases: Texts }),
  relatedVulnerabilities: z.array(GrypeMetadata).nullish(),
})
export type GrypeRecord = z.infer<typeof GrypeRecord>

export const GrypeMatch = z.object({
  vulnerability: GrypeRecord.shape.vulnerability.extend({ fix: GrypeFix }),
  relatedVulnerabilities: GrypeRecord.shape.relatedVulnerabilities,
  matchDetails: GrypeDetails,
  artifact: z.object({
    id: z.string().default(''),
    name: z.string(),
    version: z.string().default(''),
    type: z.string(),
    language: Text,
    purl: Text,
    locations: z.array(z.object({ path: z.string(), layerID: z.string().optional() })).nullish(),
    licenses: Texts,
    cpes: Texts,
    upstreams: z.array(z.object({ name: z.string(), version: Text })).nullish(),
  }),
})
export type GrypeMatch = z.infer<typeof GrypeMatch>

/** `grype -o json`, as far as Pharos reads it. `matches` is what makes a document a report: without it the document is refused. */
export const GrypeReport = z.object({
  matches: z.array(GrypeMatch),
  ignoredMatches: z.array(z.unknown()).nullish(),
  /** Left out when there is none. */
  alertsByPackage: z
    .array(z.object({ alerts: z.array(z.object({ type: z.string() })) }))
    .nullish()
    .catch(null),
  descriptor: z.object({
    name: z.string().default('grype'),
    version: z.string(),
    db: z
      .object({
        status: z.object({ schemaVersion: Text, built: Text, from: Text, valid: z.boolean().nullish(), error: Text }).nullish().catch(null),
        providers: z.record(z.string(), z.unknown()).nullish().catch(null),
      })
      .nullish()
      .catch(null),
  }),
})
export type GrypeReport = z.infer<typeof GrypeReport>
