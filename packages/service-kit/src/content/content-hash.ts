import { hash } from 'node:crypto'
import { type MatchContent, matchLine, type ReportVulnerability } from '@pharos/contracts'

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

/** Key of a source's record: its id in its namespace. */
export function vulnerabilityKey(vulnerability: Pick<ReportVulnerability, 'nativeId' | 'namespace'>): string {
  return contentHash(vulnerability.nativeId, vulnerability.namespace)
}

/**
 * Hash of what is stored of a vulnerability besides its score. Of the contract's parsed form: the order of fields counts, and a
 * parse settles it.
 */
export function vulnerabilityContentHash(vulnerability: ReportVulnerability): string {
  const { epss: _epss, kev: _kev, ...content } = vulnerability
  return contentHash(content)
}

/** Hash of the content of a match, of the contract's parsed form. */
export function matchContentHash(content: MatchContent): string {
  return textHash(matchLine(content))
}
