/**
 * The watch's token in a registry's Authorization header: `Bearer <token>` (Docker Distribution), the token alone (Harbor's
 * auth header), or the password of `Basic`. Null when there is none.
 */
export function notificationToken(authorization: string | undefined): string | null {
  if (authorization === undefined) return null
  const [scheme = '', rest] = authorization.trim().split(/\s+/, 2)
  if (rest === undefined) return scheme === '' ? null : scheme
  if (/^bearer$/i.test(scheme)) return rest
  if (!/^basic$/i.test(scheme)) return null
  const pair = Buffer.from(rest, 'base64').toString('utf8')
  return pair.includes(':') ? pair.slice(pair.indexOf(':') + 1) : null
}
