import { isDigest } from '@pharos/registry'
import { textHash } from '../inventory/content-hash.js'

/** More layers than any runtime stacks; a configuration may claim any number. */
const layerLimit = 1000

/**
 * A hash for each prefix of an image's layers, the shortest first: of the first diff id, the first two, and so on. Migration
 * 1790000000281 computes the same. Empty for what is no list of layers.
 */
export function prefixHashes(diffIds: readonly string[]): string[] {
  if (diffIds.length > layerLimit || !diffIds.every(isDigest)) return []
  return diffIds.map((_diffId, position) => textHash(diffIds.slice(0, position + 1).join(',')))
}

/**
 * Whether a layer at a position is of the base. `baseLayerCount` is 0 for an image without a known base, all of whose layers are its
 * own, and null when it is not known which layers are the base's.
 */
export function isFromBase(position: number, baseLayerCount: number | null): boolean | null {
  return baseLayerCount === null ? null : position < baseLayerCount
}

/** What an image says that it is built on. */
export interface BaseClaim {
  /** e.g. docker.io/library/debian:12 */
  readonly reference: string | null
  /** Of an index or a manifest. */
  readonly digest: string | null
}

const nameKey = 'org.opencontainers.image.base.name'
const digestKey = 'org.opencontainers.image.base.digest'

/** Reads the OCI annotations of a manifest, or the labels of a configuration where it has none. Null when neither says anything. */
export function baseClaimOf(annotations: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): BaseClaim | null {
  const value = (key: string): string | null => {
    const text = annotations[key] ?? labels[key] ?? ''
    return text === '' || text.length > 1024 ? null : text
  }
  const digest = value(digestKey)
  const claim = { reference: value(nameKey), digest: digest !== null && isDigest(digest) ? digest : null }
  return claim.reference === null && claim.digest === null ? null : claim
}
