import { PharosError } from '@pharos/contracts'
import { z } from 'zod'

const License = z.object({ value: z.string().default(''), spdxExpression: z.string().default('') })

/** What the conversions need of Syft's JSON; everything else is let pass. */
export const SyftDocument = z.object({
  artifacts: z
    .array(
      z.object({
        id: z.string(),
        name: z.string(),
        version: z.string().default(''),
        type: z.string().default(''),
        foundBy: z.string().default(''),
        language: z.string().default(''),
        purl: z.string().default(''),
        locations: z.array(z.object({ path: z.string().default(''), layerID: z.string().optional() })).nullish(),
        licenses: z.array(z.union([License, z.string().transform((value) => ({ value, spdxExpression: '' }))])).nullish(),
        cpes: z.array(z.union([z.string(), z.object({ cpe: z.string() }).transform(({ cpe }) => cpe)])).nullish(),
      }),
    )
    .nullish(),
  artifactRelationships: z.array(z.object({ parent: z.string(), child: z.string(), type: z.string() })).nullish(),
  distro: z.object({ id: z.string().optional(), versionID: z.string().optional(), prettyName: z.string().optional() }).nullish(),
  descriptor: z.object({ name: z.string().default('syft'), version: z.string().default('') }).nullish(),
})
export type SyftDocument = z.infer<typeof SyftDocument>
export type SyftArtifact = NonNullable<SyftDocument['artifacts']>[number]

/** An SBOM's image and time, for the head of a document. */
export interface SbomSubject {
  readonly digest: string
  /** Name for people: a reference, or the digest. */
  readonly name: string
  readonly createdAt: Date
}

/** Parses the JSON of a kept SBOM. Throws `sbom-invalid`. */
export function parseSyftDocument(text: string): SyftDocument {
  try {
    return SyftDocument.parse(JSON.parse(text))
  } catch (error) {
    throw new PharosError('sbom-invalid', 'The kept SBOM is not in the form of Syft.', { cause: error })
  }
}

/** Pairs (dependent, dependency) of artifacts, without repetition. Syft says `parent` is a `dependency-of` `child`. */
export function dependenciesOf(document: SyftDocument): Map<string, Set<string>> {
  const known = new Set(document.artifacts?.map(({ id }) => id))
  const dependencies = new Map<string, Set<string>>()
  for (const { parent, child, type } of document.artifactRelationships ?? []) {
    if (type !== 'dependency-of' || parent === child || !known.has(parent) || !known.has(child)) continue
    const of = dependencies.get(child) ?? new Set<string>()
    dependencies.set(child, of.add(parent))
  }
  return dependencies
}

/** Artifacts with ids that are unique. */
export function uniqueArtifacts(document: SyftDocument): SyftArtifact[] {
  return [...new Map(document.artifacts?.map((artifact) => [artifact.id, artifact])).values()]
}
