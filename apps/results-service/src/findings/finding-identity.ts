import { hash } from 'node:crypto'
import type { EngineName } from '@pharos/contracts'
import { contentHash, uuidOf } from '../inventory/content-hash.js'

/** What an occurrence is named by. */
export interface PlacedPackage {
  readonly type: string
  readonly name: string
  readonly version: string
  /** Path of the primary evidence, which cataloguers list first. Further evidence comes and goes with their versions. */
  readonly place: string
}

/**
 * Occurrences of a report's packages, by position. A package keeps its key when its version is read differently, unless its
 * place holds several packages of that name (a lock file, say): then the version tells them apart, or all their facts.
 */
export function occurrencesOf(packages: readonly PlacedPackage[], packageHashes: readonly string[]): string[] {
  const parts = packages.map(({ type, name, place }): unknown[] => [type, name, place])
  const refinements = [(position: number) => packages[position]?.version, (position: number) => packageHashes[position]]
  for (const refine of refinements) {
    const groups = new Map<string, number[]>()
    for (const [position, part] of parts.entries()) {
      const key = JSON.stringify(part)
      const group = groups.get(key)
      if (group === undefined) groups.set(key, [position])
      else group.push(position)
    }
    for (const group of groups.values()) {
      const isAmbiguous = new Set(group.map((position) => packageHashes[position])).size > 1
      if (isAmbiguous) for (const position of group) parts[position]?.push(refine(position))
    }
  }
  return parts.map((part) => contentHash(...part))
}

/** What a finding's id is made of. */
export interface FindingKey {
  readonly imageDigest: string
  readonly occurrence: string
  /** The name by which the group of aliases was first known. */
  readonly groupSeed: string
  readonly engine: EngineName
}

/** First 8 hex digits of all finding ids of an image: they lie side by side in the index. */
export function idPrefix(imageDigest: string): string {
  return contentHash(imageDigest).slice(0, 8)
}

/** Id of a finding. `salt` grows only when another finding of the image has the id already. */
export function findingId(key: FindingKey, prefix: string, salt: number): string {
  // JSON of [digest, occurrence, seed, engine, salt]; of these only the seed may need an escape.
  const text = `["${key.imageDigest}","${key.occurrence}",${JSON.stringify(key.groupSeed)},"${key.engine}",${salt}]`
  const hex = hash('sha256', text, 'hex')
  return uuidOf(prefix + hex.slice(0, 24))
}

/** SQL expressions (text, uuid, text, text, int) that an id is made of. */
export interface FindingKeySql {
  readonly digest: string
  readonly occurrence: string
  readonly seed: string
  readonly engine: string
  readonly salt: string
}

/** SQL of `findingId`, for many findings at once. */
export function findingIdSql({ digest, occurrence, seed, engine, salt }: FindingKeySql): string {
  const text = `'["' || ${digest} || '","' || ${occurrence} || '",' || to_json(${seed}::text)::text || ',"' || ${engine}::text || '",' || ${salt}::int || ']'`
  return `(${prefixSql(digest)} || left(encode(sha256(convert_to(${text}, 'UTF8')), 'hex'), 24))::uuid`
}

/** First and last id that an image's findings can have. */
export function idRange(imageDigest: string): readonly [string, string] {
  const prefix = idPrefix(imageDigest)
  return [uuidOf(prefix + '0'.repeat(24)), uuidOf(prefix + 'f'.repeat(24))]
}

/** SQL condition that `id` is one of the ids that findings of the image with `digest` can have: `idRange` for many images at once. */
export function idsOfImage(id: string, digest: string): string {
  const prefix = prefixSql(digest)
  return `${id} between (${prefix} || repeat('0', 24))::uuid and (${prefix} || repeat('f', 24))::uuid`
}

/** SQL of `idPrefix`. */
function prefixSql(digest: string): string {
  return `left(encode(sha256(convert_to('["' || ${digest} || '"]', 'UTF8')), 'hex'), 8)`
}

/** A finding's id as the API shows it. */
export function publicFindingId(kind: 'f' | 's' | 'm', id: string): string {
  return `${kind}_${id.replaceAll('-', '')}`
}
