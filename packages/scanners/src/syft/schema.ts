import { z } from 'zod'

const SyftLocation = z.object({ path: z.string(), layerID: z.string().optional() })

/** A package of syft-json; `metadata` differs by type and is read field by field. */
export const SyftArtifact = z.object({
  id: z.string(),
  name: z.string(),
  version: z.string().default(''),
  type: z.string(),
  foundBy: z.string().optional(),
  locations: z.array(SyftLocation).nullish(),
  licenses: z.array(z.union([z.string(), z.object({ value: z.string().default(''), spdxExpression: z.string().optional() })])).nullish(),
  language: z.string().optional(),
  cpes: z.array(z.union([z.string(), z.object({ cpe: z.string() })])).nullish(),
  purl: z.string().optional(),
  metadataType: z.string().optional(),
  metadata: z.record(z.string(), z.unknown()).nullish().catch(null),
})
export type SyftArtifact = z.infer<typeof SyftArtifact>

/** syft-json, as far as Pharos reads it. Files are many; only those with unknowns are looked into. */
export const SyftDocument = z.object({
  artifacts: z.array(SyftArtifact),
  files: z.array(z.unknown()).nullish(),
  distro: z.object({ id: z.string().optional(), versionID: z.string().optional(), prettyName: z.string().optional() }).nullish(),
  descriptor: z.object({ name: z.string(), version: z.string() }),
})
export type SyftDocument = z.infer<typeof SyftDocument>

/** A file that something could not be read of. */
export const SyftFileWithUnknowns = z.object({ location: z.object({ path: z.string() }), unknowns: z.array(z.string()).min(1) })
