import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

/** A fencing token as the worker gets it and as it is stored. */
export interface IssuedToken {
  readonly token: string
  readonly hash: Buffer
}

/** SHA-256 of a token. */
export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

/** Makes a token of 32 random bytes; only its hash is kept. */
export function issueToken(): IssuedToken {
  const token = randomBytes(32).toString('base64url')
  return { token, hash: hashToken(token) }
}

/** Compares in constant time. */
export function isTokenOf(token: string, hash: Buffer | null): boolean {
  return hash !== null && timingSafeEqual(hashToken(token), hash)
}
