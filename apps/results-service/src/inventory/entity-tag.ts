import type { FastifyReply } from 'fastify'
import { contentHash } from './content-hash.js'

/** Sets the ETag of an answer and says whether the caller has it already; then the status is 304 and no body is to be sent. */
export function isNotModified(reply: FastifyReply, ifNoneMatch: string | undefined, ...content: readonly unknown[]): boolean {
  const tag = `"${contentHash(...content)}"`
  void reply.header('etag', tag).header('cache-control', 'private, no-cache')
  const known = ifNoneMatch?.split(',').map((item) => item.trim().replace(/^W\//, ''))
  const isKnown = known !== undefined && (known.includes(tag) || known.includes('*'))
  if (isKnown) void reply.status(304)
  return isKnown
}
