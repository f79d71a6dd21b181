import { createHash } from 'node:crypto'
import { ApiTokenText } from '@pharos/contracts'

/** What an Authorization header holds. */
export type PresentedCredential =
  | { kind: 'none' }
  | { kind: 'token'; sha256: string }
  | { kind: 'basic'; name: string; password: string }
  | { kind: 'unreadable'; detail: string }

const unreadableToken = 'The bearer token is not a Pharos token (phr_<id>_<secret>).'

function readToken(text: string): PresentedCredential {
  if (!ApiTokenText.safeParse(text).success) return { kind: 'unreadable', detail: unreadableToken }
  return { kind: 'token', sha256: createHash('sha256').update(text).digest('hex') }
}

/**
 * Reads an Authorization header (RFC 7617 basic, RFC 6750 bearer). A token may also be given as the password of
 * basic authentication with any name, for tools that know nothing else. The token itself goes no further than here.
 */
export function readCredential(header: string | undefined): PresentedCredential {
  if (header === undefined || header === '') return { kind: 'none' }
  const [scheme = '', value = ''] = header.split(/ +(.*)/s)
  if (/^bearer$/i.test(scheme)) return readToken(value)
  if (!/^basic$/i.test(scheme)) return { kind: 'unreadable', detail: 'Use "Authorization: Bearer <token>" or basic authentication.' }
  const decoded = Buffer.from(value, 'base64').toString('utf8')
  const colon = decoded.indexOf(':')
  if (colon < 0) return { kind: 'unreadable', detail: 'The basic credentials have no colon between name and password.' }
  const password = decoded.slice(colon + 1)
  if (password.startsWith('phr_')) return readToken(password)
  return { kind: 'basic', name: decoded.slice(0, colon), password }
}
