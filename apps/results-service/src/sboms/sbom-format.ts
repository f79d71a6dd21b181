import { PharosError } from '@pharos/contracts'

/** Formats in which an SBOM can be posted. */
export type SbomFormat = 'syft' | 'cyclonedx' | 'spdx'

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Recognises an SBOM by what its specification demands. Throws `sbom-invalid` for anything else. */
export function sbomFormatOf(document: unknown): SbomFormat {
  if (isRecord(document)) {
    const { artifacts, schema, bomFormat, specVersion, spdxVersion, SPDXID } = document
    if (Array.isArray(artifacts) && isRecord(schema)) return 'syft'
    if (bomFormat === 'CycloneDX' && typeof specVersion === 'string') return 'cyclonedx'
    if (typeof spdxVersion === 'string' && spdxVersion.startsWith('SPDX-2') && typeof SPDXID === 'string') return 'spdx'
  }
  throw new PharosError(
    'sbom-invalid',
    'The document is neither Syft JSON, nor CycloneDX JSON (bomFormat, specVersion), nor SPDX 2 JSON (spdxVersion, SPDXID).',
  )
}
