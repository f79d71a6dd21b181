import { createHash } from 'node:crypto'
import type { SyftArtifact } from './schema.js'

/**
 * Metadata that Grype's matchers and qualifiers read beyond name, version, distro, upstreams and CPEs, by metadata type.
 * Source: grype 0.121.2, grype/pkg/package.go (dataFromPkg) and the users of its metadata types.
 */
const matchedFields: Readonly<Record<string, readonly string[]>> = {
  'go-module-buildinfo-entry': ['goCompiledVersion', 'mainModule', 'symbols'],
  'rpm-db-entry': ['epoch', 'modularityLabel', 'architecture'],
  'rpm-archive': ['epoch', 'modularityLabel', 'architecture'],
  'java-archive': ['pomProperties', 'digest', 'manifest'],
  'java-jvm-installation': ['release'],
  'apk-db-entry': ['originPackage', 'architecture'],
  'dpkg-db-entry': ['source', 'sourceVersion'],
  'dpkg-archive-entry': ['source', 'sourceVersion'],
}

/**
 * Hash of those fields, hex; null when the matchers of this type read no metadata. It tells packages apart where no scan engine
 * makes match units; where one does, the unit's key takes its place.
 */
export function matchKeyOf(artifact: SyftArtifact): string | null {
  const fields = matchedFields[artifact.metadataType ?? '']
  const { metadata } = artifact
  if (fields === undefined || metadata === null || metadata === undefined) return null
  const held = fields.filter((field) => isHeld(metadata[field])).map((field) => [field, sorted(relevantPart(field, metadata[field]))])
  return held.length === 0 ? null : createHash('sha256').update(JSON.stringify(held)).digest('hex').slice(0, 32)
}

function isHeld(value: unknown): boolean {
  return value !== undefined && value !== null && value !== ''
}

/** Of a Java manifest or properties file, which name their build, only what is matched; everything else would make each archive unique. */
function relevantPart(field: string, value: unknown): unknown {
  if (field === 'pomProperties') return pick(value, ['groupId', 'artifactId'])
  if (field === 'release') return pick(value, ['javaRuntimeVersion', 'javaVersion', 'fullVersion', 'semanticVersion'])
  if (field !== 'manifest') return value
  const main: unknown = pick(value, ['main'])['main']
  return Array.isArray(main) ? main.filter((entry: unknown) => pick(entry, ['key'])['key'] === 'Name') : null
}

function pick(value: unknown, names: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return {}
  return Object.fromEntries(Object.entries(value).filter(([name]) => names.includes(name)))
}

/** The same value with the keys of its objects in order, so that equal metadata hashes alike. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  )
}
