import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { PharosError } from '@pharos/contracts'
import { parseStrictJson } from './strict-json.js'
import { type BodyRouteConfig, tooLarge } from './stream-body.js'

/** Media types whose bodies arrive unread as streams. */
export const STREAM_CONTENT_TYPES = ['application/octet-stream', 'application/gzip', 'application/x-tar', 'application/x-ndjson'] as const

/** Sets how bodies are read: JSON strictly and within the limit, streams not at all, everything else is refused (415). */
export function addBodyParsers(fastify: FastifyInstance, options: { bodyLimitBytes: number; streamContentTypes: readonly string[] }): void {
  fastify.removeAllContentTypeParsers()
  fastify.addContentTypeParser(/^application\/([a-z0-9.+-]+\+)?json(;|$)/i, async (request: FastifyRequest, payload: IncomingMessage) => {
    const config = request.routeOptions.config as BodyRouteConfig
    if (config.isBodyRaw === true) return payload
    const text = await readText(payload, config.bodyLimitBytes ?? options.bodyLimitBytes)
    // Clients send the media type with bodiless DELETEs too.
    return text === '' ? undefined : parseStrictJson(text)
  })
  fastify.addContentTypeParser([...options.streamContentTypes], async (_request: FastifyRequest, payload: IncomingMessage) => payload)
}

async function readText(payload: IncomingMessage, limit: number): Promise<string> {
  if (payload.headers['content-encoding'] !== undefined && payload.headers['content-encoding'] !== 'identity') {
    throw new PharosError('media-type-not-accepted', 'A JSON body must come without Content-Encoding.')
  }
  if (Number(payload.headers['content-length'] ?? 0) > limit) throw tooLarge(limit)
  const chunks: Buffer[] = []
  let seenBytes = 0
  for await (const chunk of payload as AsyncIterable<Buffer>) {
    seenBytes += chunk.byteLength
    if (seenBytes > limit) throw tooLarge(limit)
    chunks.push(chunk)
  }
  const bytes = Buffer.concat(chunks)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new PharosError('json-invalid', 'The body is not valid UTF-8.')
  }
}
