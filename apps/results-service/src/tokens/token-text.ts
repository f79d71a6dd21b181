import { createHash, randomBytes } from 'node:crypto'

/** A new API token. */
export interface NewToken {
  readonly id: string
  readonly token: string
  readonly sha256: Buffer
}

/** base64url without `_`, which separates the parts of a token. */
function randomText(length: number): string {
  return randomBytes(length).toString('base64url').replaceAll('_', '-').slice(0, length)
}

/** SHA-256 of the whole token text: all that the server keeps. */
export function hashOfToken(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

/** Makes `phr_<id>_<secret>`; the secret has more than 250 random bits. */
export function newToken(): NewToken {
  const id = randomText(12)
  const token = `phr_${id}_${randomText(43)}`
  return { id, token, sha256: hashOfToken(token) }
}

/** The id in a token's text. */
export function idOfToken(token: string): string {
  return token.split('_')[1] ?? ''
}
