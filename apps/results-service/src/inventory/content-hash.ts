import { hash } from 'node:crypto'

/** The upper 128 bits of a SHA-256, in the form of a UUID, which PostgreSQL keeps in 16 bytes: a short key for values of any length. */
export function contentHash(...parts: readonly unknown[]): string {
  return textHash(JSON.stringify(parts))
}

/** The same of a text as it stands. */
export function textHash(text: string): string {
  return uuidOf(hash('sha256', text, 'hex'))
}

/** 32 or more hex digits as a UUID. */
export function uuidOf(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`
}
