import { z } from 'zod'

const Text = z.string().nullish()
const Texts = z.array(z.string()).nullish()
const TrivyLayer = z.object({ Digest: Text, DiffID: Text }).nullish()
const TrivyIdentifier = z.object({ PURL: Text }).nullish()

export const TrivyPackage = z.object({
  ID: Text,
  Name: z.string(),
  Version: z.string().default(''),
  Release: Text,
  Epoch: z.number().nullish(),
  SrcName: Text,
  SrcVersion: Text,
  SrcRelease: Text,
  SrcEpoch: z.number().nullish(),
  Identifier: TrivyIdentifier,
  Licenses: Texts,
  FilePath: Text,
  Layer: TrivyLayer,
  AnalyzedBy: Text,
})
export type TrivyPackage = z.infer<typeof TrivyPackage>

export const TrivyVulnerability = z.object({
  VulnerabilityID: z.string(),
  VendorIDs: Texts,
  PkgID: Text,
  PkgName: z.string(),
  PkgPath: Text,
  PkgIdentifier: TrivyIdentifier,
  InstalledVersion: z.string().default(''),
  FixedVersion: Text,
  Status: Text,
  Layer: TrivyLayer,
  PrimaryURL: Text,
  DataSource: z.object({ ID: Text, URL: Text }).nullish(),
  Title: Text,
  Description: Text,
  Severity: Text,
  CweIDs: Texts,
  References: Texts,
  CVSS: z
    .record(
      z.string(),
      z.object({
        V2Vector: Text,
        V2Score: z.number().nullish(),
        V3Vector: Text,
        V3Score: z.number().nullish(),
        V40Vector: Text,
        V40Score: z.number().nullish(),
      }),
    )
    .nullish()
    .catch(null),
})
export type TrivyVulnerability = z.infer<typeof TrivyVulnerability>

export const TrivySecret = z.object({
  RuleID: z.string(),
  Category: z.string().default(''),
  Severity: Text,
  Title: z.string().default(''),
  StartLine: z.int().default(0),
  EndLine: z.int().default(0),
  Match: Text,
  Layer: TrivyLayer,
})
export type TrivySecret = z.infer<typeof TrivySecret>

export const TrivyMisconfiguration = z.object({
  ID: z.string(),
  Title: z.string().default(''),
  Description: z.string().default(''),
  Message: z.string().default(''),
  Resolution: z.string().default(''),
  Severity: Text,
  Status: Text,
  PrimaryURL: Text,
  References: Texts,
})
export type TrivyMisconfiguration = z.infer<typeof TrivyMisconfiguration>

const TrivyResult = z.object({
  Target: z.string().default(''),
  Class: Text,
  Type: Text,
  Packages: z.array(TrivyPackage).nullish(),
  Vulnerabilities: z.array(TrivyVulnerability).nullish(),
  Secrets: z.array(TrivySecret).nullish(),
  Misconfigurations: z.array(TrivyMisconfiguration).nullish(),
})
export type TrivyResult = z.infer<typeof TrivyResult>

/** `trivy image --format json`, as far as Pharos reads it. An image with nothing in it has no Results, but always an artifact type. */
export const TrivyReport = z.object({
  SchemaVersion: z.literal(2),
  Trivy: z.object({ Version: Text }).nullish(),
  ArtifactType: z.string(),
  Metadata: z.object({ OS: z.object({ Family: Text, Name: Text, EOSL: z.boolean().nullish() }).nullish() }).nullish(),
  Results: z.array(TrivyResult).nullish(),
})
export type TrivyReport = z.infer<typeof TrivyReport>

/** `db/metadata.json` of Trivy's vulnerability database. */
export const TrivyDatabaseMetadata = z.object({ Version: z.int(), UpdatedAt: z.string(), DownloadedAt: Text, NextUpdate: Text })
