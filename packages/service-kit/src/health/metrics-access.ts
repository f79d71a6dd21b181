import { timingSafeEqual } from 'node:crypto'
import { PharosError } from '@pharos/contracts'
import type { FastifyRequest } from 'fastify'

const loopback = /^(::1|(::ffff:)?127\.\d+\.\d+\.\d+)$/

/**
 * Why a scrape may not read the metrics, or null when it may: with a token configured, it must show it; without, it must
 * come straight from this machine. A request that a proxy passed on comes from elsewhere.
 */
export function metricsRefusal(request: FastifyRequest, token: string | undefined): PharosError | null {
  if (token === undefined) {
    const isDirect = request.headers['x-forwarded-for'] === undefined && request.headers.forwarded === undefined
    if (isDirect && loopback.test(request.socket.remoteAddress ?? '')) return null
    return new PharosError(
      'unauthenticated',
      'Metrics are read from this machine only; configure --metrics-token to read them from elsewhere.',
    )
  }
  const shown = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? ''
  const [given, wanted] = [Buffer.from(shown), Buffer.from(token)]
  if (given.length === wanted.length && timingSafeEqual(given, wanted)) return null
  return new PharosError('unauthenticated', 'Show the metrics token as "Authorization: Bearer <token>".')
}
