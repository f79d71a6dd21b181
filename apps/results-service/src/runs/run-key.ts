import { createHash } from 'node:crypto'

/** What makes two scans the same work. */
export interface RunIdentity {
  readonly digest: string
  readonly engines: readonly string[]
  readonly generationIds: readonly string[]
  /** Digest of a posted SBOM, which is matched instead of the image. */
  readonly sbomDigest: string | null
}

/** Key of a run: equal for tasks that ask for the same work, whatever the order of their engines. */
export function runKeyOf({ digest, engines, generationIds, sbomDigest }: RunIdentity): string {
  return createHash('sha256')
    .update(JSON.stringify([digest, [...engines].sort(), [...generationIds].sort(), sbomDigest]))
    .digest('hex')
}
