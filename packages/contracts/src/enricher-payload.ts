import { z } from 'zod'
import { defineSchema, exampleOf } from './schema.js'

/**
 * What enrichers get as `payload`. Names, spelling and shape are those that enrichers of upstream Pharos know, so that they run
 * unchanged; hence the names in PascalCase here and nowhere else. Fields that upstream does not have are marked with "(added)".
 *
 * Rules for who builds it: every field is there; a text that is not known is '', a list is never null, a moment that is not known is
 * `noMoment`; null stands only where it is written. Order of lists is fixed, so that the same facts give the same bytes.
 */
const moment = (what: string) => z.string().describe(`${what}; RFC 3339, UTC; ${noMoment} when it is not known`)

/** The moment that stands for "not known": the zero of Go's time. */
export const noMoment = '0001-01-01T00:00:00Z'

const texts = (what: string) => z.array(z.string()).describe(what)
const example = {
  moment: '2026-11-24T08:00:00Z',
  image: 'sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1',
  reference: 'docker.io/library/nginx:1.27',
}

/** Severities as enrichers know them: the severity of our API with a capital. */
export const payloadSeverities = ['Critical', 'High', 'Medium', 'Low', 'Negligible', 'Unknown'] as const

export const EnricherPayloadFinding = defineSchema(
  'EnricherPayloadFinding',
  z
    .object({
      AdvId: z.string().describe('Id of the advisory as the engine gave it: CVE, GHSA, ...'),
      AdvSource: z.string().describe('Source of the advisory, e.g. debian:distro:debian:12'),
      ScanDate: moment('When the finding was first seen'),
      UpdateDate: moment('When the finding was last confirmed'),
      Severity: z.enum(payloadSeverities),
      DueDate: moment('When it is to be fixed'),
      FixState: z.string().describe('fixed, not-fixed, wont-fix or unknown'),
      FixVersions: texts('Versions that fix it'),
      FoundIn: texts('Paths in the image'),
      FirstSeen: moment('When this advisory was first seen in the image'),
      Id: z.string().describe("(added) The finding's id in the API"),
      Engine: z.string().describe('(added) Engine that reports it'),
      Package: z
        .object({ Name: z.string(), Version: z.string(), Type: z.string(), Purl: z.string() })
        .describe('(added) Package that is affected'),
      Risk: z.number().describe('(added) Risk score, 0 to 100'),
      Epss: z.number().describe('(added) Probability of exploitation within 30 days, 0 to 1; 0 when it is not known'),
      EpssPercentile: z.number().describe('(added) Share of vulnerabilities scored lower, 0 to 1; 0 when it is not known'),
      Kev: z.boolean().describe('(added) Known to be exploited'),
      Layer: z.string().describe("(added) Diff id of the layer that brought the package, or ''"),
      FromBase: z.boolean().nullable().describe('(added) Whether that layer is of the base image; null when it is not known'),
      Decision: z.string().describe("(added) Status of what was decided on it, or ''"),
      Suppressed: z.boolean().describe('(added) Whether that decision takes it out of the counts'),
    })
    .describe('An open finding'),
  {
    AdvId: 'CVE-2023-44487',
    AdvSource: 'debian:distro:debian:12',
    ScanDate: example.moment,
    UpdateDate: example.moment,
    Severity: 'High',
    DueDate: noMoment,
    FixState: 'not-fixed',
    FixVersions: [],
    FoundIn: ['/var/lib/dpkg/status'],
    FirstSeen: example.moment,
    Id: 'f_7k2m9q4t1x8z',
    Engine: 'grype',
    Package: { Name: 'nginx', Version: '1.22.1-9', Type: 'deb', Purl: 'pkg:deb/debian/nginx@1.22.1-9?arch=amd64&distro=debian-12' },
    Risk: 80.3,
    Epss: 0.94,
    EpssPercentile: 0.99,
    Kev: true,
    Layer: example.image,
    FromBase: null,
    Decision: '',
    Suppressed: false,
  },
)
export type EnricherPayloadFinding = z.infer<typeof EnricherPayloadFinding>

export const EnricherPayloadVulnerability = defineSchema(
  'EnricherPayloadVulnerability',
  z
    .object({
      AdvId: z.string().describe('As in the findings'),
      AdvSource: z.string().describe('As in the findings'),
      Aliases: z.string().describe('Other ids, separated by commas'),
      CreateDate: moment('When this advisory was first seen in the image'),
      PubDate: moment('When it was published'),
      ModDate: moment('When it was last modified'),
      KevDate: moment('When it was listed as known to be exploited'),
      Severity: z.enum(payloadSeverities),
      CvssVectors: texts('CVSS vectors of all sources'),
      CvssBase: z.number().describe('Highest CVSS base score, 0 to 10; 0 when there is none'),
      RiskScore: z.number().describe('Risk score, 0 to 100'),
      Cpes: texts('CPEs'),
      Cwes: texts('CWEs'),
      References: texts('URLs'),
      RansomwareUsed: z.string().describe("Known or Unknown; '' when it is not known to be exploited"),
      Description: z.string(),
      FirstSeen: moment('When this advisory was first seen in the image'),
      Epss: z.number().describe('(added) Probability of exploitation within 30 days, 0 to 1; 0 when it is not known'),
      EpssPercentile: z.number().describe('(added) Share of vulnerabilities scored lower, 0 to 1; 0 when it is not known'),
      Kev: z.boolean().describe('(added) Known to be exploited'),
    })
    .describe('A vulnerability that findings of the image name, once for each AdvId and AdvSource'),
  {
    AdvId: 'CVE-2023-44487',
    AdvSource: 'debian:distro:debian:12',
    Aliases: '',
    CreateDate: example.moment,
    PubDate: noMoment,
    ModDate: noMoment,
    KevDate: '2023-10-10T00:00:00Z',
    Severity: 'High',
    CvssVectors: ['CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H'],
    CvssBase: 7.5,
    RiskScore: 80.3,
    Cpes: [],
    Cwes: ['CWE-400'],
    References: ['https://security-tracker.debian.org/tracker/CVE-2023-44487'],
    RansomwareUsed: 'Unknown',
    Description: 'HTTP/2 rapid reset',
    FirstSeen: example.moment,
    Epss: 0.94,
    EpssPercentile: 0.99,
    Kev: true,
  },
)
export type EnricherPayloadVulnerability = z.infer<typeof EnricherPayloadVulnerability>

export const EnricherPayloadPackage = defineSchema(
  'EnricherPayloadPackage',
  z
    .object({
      Key: z.string().describe('Unique among the packages of the image: the package URL, else type:name@version'),
      Name: z.string(),
      Version: z.string(),
      Type: z.string().describe('e.g. deb, apk, npm, go-module, python'),
      Purl: z.string().describe("Package URL, or ''"),
      Cpes: texts('CPEs'),
      Layer: z.string().describe("(added) Diff id of the layer that brought it, or ''"),
      Licenses: texts('(added) Licences'),
    })
    .describe('A package of the image, once for each Key'),
  {
    Key: 'pkg:deb/debian/nginx@1.22.1-9?arch=amd64&distro=debian-12',
    Name: 'nginx',
    Version: '1.22.1-9',
    Type: 'deb',
    Purl: 'pkg:deb/debian/nginx@1.22.1-9?arch=amd64&distro=debian-12',
    Cpes: [],
    Layer: example.image,
    Licenses: ['BSD-2-Clause'],
  },
)
export type EnricherPayloadPackage = z.infer<typeof EnricherPayloadPackage>

/** Owner of the first context in upstream, whoever submitted it; its enrichers look for this name. */
export const submittedContextOwner = 'pharos-controller'

export const EnricherPayloadContext = defineSchema(
  'EnricherPayloadContext',
  z.object({
    ID: z.int().describe('0'),
    ContextRootKey: z.string(),
    ImageId: z.string(),
    Owner: z.string().describe(`${submittedContextOwner} for what was submitted or observed; else the name of an enricher`),
    UpdatedAt: moment('When it was set'),
    Data: z.record(z.string(), z.unknown()),
  }),
  {
    ID: 0,
    ContextRootKey: 'namespace=shop',
    ImageId: example.image,
    Owner: submittedContextOwner,
    UpdatedAt: example.moment,
    Data: { namespace: 'shop' },
  },
)
export type EnricherPayloadContext = z.infer<typeof EnricherPayloadContext>

export const EnricherPayloadContextRoot = defineSchema(
  'EnricherPayloadContextRoot',
  z.object({
    Key: z.string().describe("Key of the subject; '' for the image itself"),
    ImageId: z.string(),
    UpdatedAt: moment('When its first context was set'),
    TTL: z.int().describe('Nanoseconds; 0, contexts do not expire'),
    Contexts: z
      .array(EnricherPayloadContext)
      .min(1)
      .describe(
        'First the submitted one: data as submitted, {} for the image itself; of a workload cluster, namespace, kind, name, container, owner and labels. Then those of enrichers that ran before, in the same run',
      ),
  }),
  { Key: 'namespace=shop', ImageId: example.image, UpdatedAt: example.moment, TTL: 0, Contexts: [exampleOf(EnricherPayloadContext)] },
)
export type EnricherPayloadContextRoot = z.infer<typeof EnricherPayloadContextRoot>

const facts = {
  Findings: z.array(EnricherPayloadFinding).describe('Open findings'),
  Vulnerabilities: z.array(EnricherPayloadVulnerability).describe('Vulnerabilities that the findings name'),
  Packages: z.array(EnricherPayloadPackage).describe('Packages of the image'),
}
const exampleFacts = {
  Findings: [exampleOf(EnricherPayloadFinding)],
  Vulnerabilities: [exampleOf(EnricherPayloadVulnerability)],
  Packages: [exampleOf(EnricherPayloadPackage)],
}

export const EnricherPayloadImage = defineSchema(
  'EnricherPayloadImage',
  z.object({
    ImageSpec: z.string().describe("Reference: the workload's or the task's own, else the newest that leads to the image"),
    ImageId: z.string().describe('Digest of the configuration; of the manifest when that is not known'),
    IndexDigest: z.string().describe("Digest of an index that lists it; '' when none does"),
    ManifestDigest: z.string().describe('Digest of the manifest: what names the image in the API'),
    RepoDigests: texts('repository@digest of each repository that has it'),
    ArchName: z.string().describe('Architecture, e.g. amd64'),
    ArchOS: z.string().describe('Operating system, e.g. linux'),
    DistroName: z.string().describe("e.g. debian; '' when there is none"),
    DistroVersion: z.string().describe('e.g. 12'),
    Size: z.int().describe('Compressed size, bytes'),
    Tags: texts('repository:tag that lead to it now'),
    Layers: texts('Diff ids of the layers, the lowest first'),
    ...facts,
    ContextRoots: z.array(EnricherPayloadContextRoot).length(1).describe('Exactly one: that of the subject'),
    TTL: z.int().describe('Nanoseconds; 0'),
    LastSuccessfulScan: moment('When an engine last judged it'),
    Platform: z.string().describe('(added) os/architecture[/variant]'),
    Created: moment('(added) When it was built'),
    Labels: z.record(z.string(), z.string()).describe('(added) Labels of its configuration'),
    Annotations: z.record(z.string(), z.string()).describe('(added) Annotations of its manifest'),
    BaseImage: z
      .object({
        Digest: z.string(),
        References: texts('repository:tag that lead to it, and its name by annotation'),
        Source: z.string().describe("annotation, prefix, or '' when no base is known"),
        LayerCount: z.int().describe('Layers that are of the base; 0 when it is not known'),
      })
      .describe('(added) The image that it is built on'),
    Engines: z
      .array(
        z.object({
          Name: z.string(),
          Version: z.string(),
          Status: z.string().describe('complete, partial, failed or unavailable'),
          DatabaseBuilt: moment('When its database was built'),
        }),
      )
      .describe('(added) Engines that judged it'),
  }),
  {
    ImageSpec: example.reference,
    ImageId: example.image,
    IndexDigest: '',
    ManifestDigest: example.image,
    RepoDigests: [`docker.io/library/nginx@${example.image}`],
    ArchName: 'amd64',
    ArchOS: 'linux',
    DistroName: 'debian',
    DistroVersion: '12',
    Size: 70_000_000,
    Tags: [example.reference],
    Layers: [example.image],
    ...exampleFacts,
    ContextRoots: [exampleOf(EnricherPayloadContextRoot)],
    TTL: 0,
    LastSuccessfulScan: example.moment,
    Platform: 'linux/amd64',
    Created: '2026-10-01T10:00:00Z',
    Labels: { maintainer: 'team-web' },
    Annotations: {},
    BaseImage: { Digest: '', References: [], Source: '', LayerCount: 0 },
    Engines: [{ Name: 'grype', Version: '0.121.2', Status: 'complete', DatabaseBuilt: example.moment }],
  },
)
export type EnricherPayloadImage = z.infer<typeof EnricherPayloadImage>

/** How the image came to be judged; upstream's task, with its own spelling. */
export const EnricherPayloadTask = defineSchema(
  'EnricherPayloadTask',
  z.object({
    jobId: z.string(),
    status: z.string().describe('done'),
    engine: z.string(),
    error: z.string(),
    authdsn: z.string().describe("Always '': enrichers see no credential"),
    imagespec: z.string(),
    platform: z.string(),
    context: z.record(z.string(), z.unknown()).describe('The submitted context, as in ContextRoots'),
    contextRootKey: z.string(),
    rxdigest: z.string().describe('Digest of the manifest'),
    rxplatform: z.string(),
    cachettl: z.int().describe('Nanoseconds; 0'),
    scanttl: z.int().describe('Nanoseconds; 0'),
    created: moment('When the image was first seen'),
    updated: moment('When an engine last judged it'),
    sbom: z.null(),
  }),
  {
    jobId: '',
    status: 'done',
    engine: 'grype',
    error: '',
    authdsn: '',
    imagespec: example.reference,
    platform: 'linux/amd64',
    context: { namespace: 'shop' },
    contextRootKey: 'namespace=shop',
    rxdigest: example.image,
    rxplatform: 'linux/amd64',
    cachettl: 0,
    scanttl: 0,
    created: example.moment,
    updated: example.moment,
    sbom: null,
  },
)
export type EnricherPayloadTask = z.infer<typeof EnricherPayloadTask>

export const EnricherPayload = defineSchema(
  'EnricherPayload',
  z
    .object({
      Version: z.string().describe('1.0'),
      ScanTask: EnricherPayloadTask,
      Image: EnricherPayloadImage,
      ...facts,
    })
    .describe(
      'What enrichers get as payload. Findings, Vulnerabilities and Packages stand here and, the same, in Image, as upstream has them',
    ),
  { Version: '1.0', ScanTask: exampleOf(EnricherPayloadTask), Image: exampleOf(EnricherPayloadImage), ...exampleFacts },
)
export type EnricherPayload = z.infer<typeof EnricherPayload>
