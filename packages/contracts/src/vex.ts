import { z } from 'zod'
import { DecisionStatus } from './decision.js'
import { Digest, pageOf, PageQuery, Timestamp, Uuid } from './primitives.js'
import { Role } from './principal.js'
import { defineSchema, exampleOf } from './schema.js'

export const VexFormat = defineSchema(
  'VexFormat',
  z.enum(['openvex', 'cyclonedx', 'csaf']).describe('Format of a VEX document: OpenVEX 0.2, CycloneDX 1.4 to 1.6, CSAF 2.0'),
  'openvex',
)
export type VexFormat = z.infer<typeof VexFormat>

export const VexDocument = defineSchema(
  'VexDocument',
  z
    .object({
      id: Uuid,
      format: VexFormat,
      documentId: z.string().describe('The id that the document gives itself'),
      documentVersion: z.string().nullable(),
      author: z.string().nullable(),
      issuedAt: Timestamp,
      sha256: z.string().describe('SHA-256 of the document as it came, hex'),
      sizeBytes: z.int().min(1),
      uploadedBy: z.string().describe('Id of who brought it'),
      uploadedAt: Timestamp,
      state: z
        .enum(['applying', 'applied', 'removing'])
        .describe('applying: stored images are still gone through; removing: its effects are being taken back'),
      statements: z.int().min(0).describe('Statements that were read'),
      matched: z.int().min(0).describe('Open findings that its statements are about'),
      decided: z.int().min(0).describe('Findings that it decides'),
      proposed: z
        .int()
        .min(0)
        .describe('Open findings about which its statements are proposals alone: the trust rules do not let them decide'),
      warnings: z.array(z.string()).describe('What could not be used of it, at most 100'),
    })
    .describe('A VEX document and what came of it'),
  {
    id: exampleOf(Uuid),
    format: 'openvex',
    documentId: 'https://openvex.dev/docs/example/vex-9fb3463de1b57',
    documentVersion: '1',
    author: 'security@example.org',
    issuedAt: '2026-11-20T08:00:00.000Z',
    sha256: 'a'.repeat(64),
    sizeBytes: 812,
    uploadedBy: 'user:ana',
    uploadedAt: '2026-11-24T08:00:00.000Z',
    state: 'applied',
    statements: 1,
    matched: 3,
    decided: 3,
    proposed: 0,
    warnings: [],
  },
)
export type VexDocument = z.infer<typeof VexDocument>
export const VexDocumentPage = pageOf('VexDocumentPage', VexDocument, exampleOf(VexDocument))
export type VexDocumentPage = z.infer<typeof VexDocumentPage>

const patterns = z.array(z.string().min(1).max(255)).min(1).max(100)

export const VexTrustRule = defineSchema(
  'VexTrustRule',
  z
    .strictObject({
      name: z.string().min(1).max(100).describe('What the rule is for'),
      uploaderRoles: z.array(Role).min(1).optional().describe('The uploader had one of these roles itself'),
      uploaders: patterns.optional().describe('Ids of uploaders, e.g. token:a1B2c3D4e5F6; * stands for any run of characters'),
      authors: patterns.optional().describe('Authors as the documents name them. Nothing proves them: name uploaders too'),
      statuses: z.array(DecisionStatus).min(1).optional().describe('What the statement may say'),
      repositories: patterns.optional().describe('Repositories of the image, e.g. registry.example/team-a/*'),
      packages: patterns.optional().describe('Package URLs, e.g. pkg:deb/debian/*'),
    })
    .describe('A statement that meets all conditions of a rule is trusted; a condition that is left out is met'),
  {
    name: 'the vendor of our base images',
    uploaders: ['token:a1B2c3D4e5F6'],
    packages: ['pkg:apk/*'],
    statuses: ['not_affected', 'fixed'],
  },
)
export type VexTrustRule = z.infer<typeof VexTrustRule>

export const PutVexTrust = defineSchema(
  'PutVexTrust',
  z
    .strictObject({ rules: z.array(VexTrustRule).max(100) })
    .describe('Whose statements decide. A statement that no rule trusts is a proposal'),
  { rules: [{ name: 'admins', uploaderRoles: ['admin'] }] },
)
export type PutVexTrust = z.infer<typeof PutVexTrust>

export const VexTrust = defineSchema(
  'VexTrust',
  z
    .object({
      rules: z.array(VexTrustRule),
      version: z.int().min(0).describe('Number of the change; the ETag is made of it'),
      updatedBy: z.string().nullable().describe('null: these are the rules that Pharos comes with'),
      updatedAt: Timestamp.nullable(),
    })
    .describe('Whose statements decide'),
  { rules: [{ name: 'admins', uploaderRoles: ['admin'] }], version: 0, updatedBy: null, updatedAt: null },
)
export type VexTrust = z.infer<typeof VexTrust>

const ConflictSide = z.object({
  source: z.enum(['triage', 'vex']),
  status: DecisionStatus,
  by: z.string().describe('Who decided, or the author of the document'),
  documentId: Uuid.nullable(),
  at: Timestamp,
})

export const VexConflict = defineSchema(
  'VexConflict',
  z
    .object({
      findingId: z.string(),
      digest: Digest,
      vulnerability: z.string().describe('Canonical id'),
      package: z.string().describe('name@version'),
      effective: ConflictSide.describe('What holds: a person goes before a document, the newer statement before the older one'),
      against: ConflictSide.describe('The newest trusted statement that says something else'),
    })
    .describe('A finding about which a person and a trusted document, or two trusted documents, say different things'),
  {
    findingId: `f_${'0'.repeat(32)}`,
    digest: exampleOf(Digest),
    vulnerability: 'CVE-2021-23337',
    package: 'lodash@4.17.20',
    effective: { source: 'triage', status: 'affected', by: 'user:ana', documentId: null, at: '2026-11-24T08:00:00.000Z' },
    against: {
      source: 'vex',
      status: 'not_affected',
      by: 'security@example.org',
      documentId: exampleOf(Uuid),
      at: '2026-11-20T08:00:00.000Z',
    },
  },
)
export type VexConflict = z.infer<typeof VexConflict>
export const VexConflictPage = pageOf('VexConflictPage', VexConflict, exampleOf(VexConflict))
export type VexConflictPage = z.infer<typeof VexConflictPage>

export const ImageVexQuery = defineSchema(
  'ImageVexQuery',
  z.object({
    format: VexFormat.default('openvex').describe('Format of the document'),
    author: z.string().min(1).max(200).default('Pharos').describe('Who speaks: the author or publisher of the document'),
    namespace: z.url().max(500).default('https://pharos.dev').describe("URL of the author's namespace, for ids and for CSAF's publisher"),
  }),
  { format: 'csaf', author: 'Example Security Team', namespace: 'https://example.org' },
)
export type ImageVexQuery = z.infer<typeof ImageVexQuery>

export const VexExportQuery = defineSchema(
  'VexExportQuery',
  ImageVexQuery.extend({
    filter: z.string().min(1).max(4096).optional().describe('Findings, in the filter language; without it all that you may see'),
  }),
  { format: 'openvex', filter: 'severity >= high' },
)
export type VexExportQuery = z.infer<typeof VexExportQuery>

export const ListVexDocumentsQuery = defineSchema('ListVexDocumentsQuery', PageQuery.extend({ format: VexFormat.optional() }), {
  limit: 50,
})
export type ListVexDocumentsQuery = z.infer<typeof ListVexDocumentsQuery>
