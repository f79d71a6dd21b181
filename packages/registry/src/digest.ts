import { createHash, type Hash } from 'node:crypto'
import { registryProblem } from './registry-problem.js'

/** The algorithms that Pharos verifies, those registered by the OCI image specification. */
export type DigestAlgorithm = 'sha256' | 'sha512'

const HEX_LENGTH: Record<DigestAlgorithm, number> = { sha256: 64, sha512: 128 }

/** A digest taken apart. */
export interface DigestParts {
  algorithm: DigestAlgorithm
  hex: string
}

/** Whether the text is a digest that can be verified: sha256 or sha512 with lowercase hex of the right length. */
export function isDigest(text: string): boolean {
  return digestParts(text) !== null
}

/** The parts of a digest, or null when it is not one that can be verified. A digest that passes is a safe file name. */
export function digestParts(text: string): DigestParts | null {
  const match = /^(sha256|sha512):([0-9a-f]+)$/.exec(text)
  if (match === null) return null
  const algorithm = match[1] as DigestAlgorithm
  const hex = match[2] ?? ''
  return hex.length === HEX_LENGTH[algorithm] ? { algorithm, hex } : null
}

/** The parts of a digest that was checked before; a wrong one is the registry's fault. */
export function requireDigest(text: string): DigestParts {
  const parts = digestParts(text)
  if (parts === null)
    throw registryProblem('registry-response-invalid', `A descriptor holds ${JSON.stringify(text.slice(0, 80))}, which is not a digest.`)
  return parts
}

/** The digest of bytes. */
export function digestOf(bytes: Uint8Array | string, algorithm: DigestAlgorithm = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`
}

/** A running digest. */
export function createDigester(digest: string): Hash {
  return createHash(requireDigest(digest).algorithm)
}
