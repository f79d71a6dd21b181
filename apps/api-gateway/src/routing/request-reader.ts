import { Readable } from 'node:stream'
import { PharosError, type RouteDefinition } from '@pharos/contracts'
import { limitBytes, parseRequestPart, parseStrictJson, tooLarge } from '@pharos/service-kit'
import type { FastifyRequest } from 'fastify'
import { z } from 'zod'

/** A request whose parts fit the contract. */
export interface CheckedRequest {
  query: Record<string, unknown>
  /** Query as the caller wrote it, to be passed on. */
  rawQuery: string
  /** A parsed JSON body, an unread one, or none. */
  body: { kind: 'json'; value: unknown } | { kind: 'stream'; stream: Readable; mediaType: string; encoding?: 'gzip' } | { kind: 'none' }
}

const defaultLimitBytes = 1024 * 1024

function mediaTypeOf(request: FastifyRequest): string {
  return (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

function refuseEncoding(request: FastifyRequest): void {
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') throw new PharosError('media-type-not-accepted', 'Send the body without Content-Encoding.')
}

async function readJson(request: FastifyRequest, limit: number): Promise<unknown> {
  if (!/^application\/([a-z0-9.+-]+\+)?json$/.test(mediaTypeOf(request))) {
    throw new PharosError('media-type-not-accepted', 'Send the body as application/json.')
  }
  refuseEncoding(request)
  if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge(limit)
  if (!(request.body instanceof Readable)) throw new PharosError('json-invalid', 'The request has no body.')
  const chunks: Buffer[] = []
  for await (const chunk of limitBytes(request.body, limit)) chunks.push(chunk as Buffer)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
  } catch (cause) {
    throw new PharosError('json-invalid', 'The body is not valid UTF-8.', { cause })
  }
  return parseStrictJson(text)
}

type RawBody = Extract<NonNullable<RouteDefinition['body']>, { raw: string }>

function openStream(request: FastifyRequest, { raw: accepted, limitBytes: limit, acceptsGzip = false }: RawBody): CheckedRequest['body'] {
  const mediaType = mediaTypeOf(request)
  if (!accepted.split(', ').includes(mediaType))
    throw new PharosError('media-type-not-accepted', `Send the body as ${accepted.replace(', ', ' or ')}.`)
  const isGzip = acceptsGzip && request.headers['content-encoding'] === 'gzip'
  if (!isGzip) refuseEncoding(request)
  if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge(limit)
  if (!(request.body instanceof Readable)) throw new PharosError('request-invalid', 'The request has no body.')
  return { kind: 'stream', stream: limitBytes(request.body, limit), mediaType, ...(isGzip ? { encoding: 'gzip' } : {}) }
}

interface PartSchemas {
  params: z.ZodType
  query: z.ZodType
}

/** Made once a route: zod compiles a schema when it is first used, which costs more than all the rest of a request. */
const partSchemas = new WeakMap<RouteDefinition, PartSchemas>()

function schemasOf(route: RouteDefinition): PartSchemas {
  const known = partSchemas.get(route)
  if (known !== undefined) return known
  const schemas = { params: z.object(route.params ?? {}), query: route.query === undefined ? z.strictObject({}) : route.query.strict() }
  partSchemas.set(route, schemas)
  return schemas
}

/** Checks path parameters, query and body of a request by the contract of its route; bodies that pass through stay unread. */
export async function readRequest(
  request: FastifyRequest,
  route: RouteDefinition,
  params: Record<string, string>,
): Promise<CheckedRequest> {
  const schemas = schemasOf(route)
  if (route.params !== undefined) parseRequestPart(schemas.params, params, 'params')
  const query = parseRequestPart(schemas.query, request.query, 'query') as Record<string, unknown>
  const rawQuery = request.url.split('?', 2)[1] ?? ''
  if (route.body === undefined) return { query, rawQuery, body: { kind: 'none' } }
  if ('raw' in route.body) return { query, rawQuery, body: openStream(request, route.body) }
  const value = await readJson(request, route.body.limitBytes ?? defaultLimitBytes)
  // The caller's own text is checked here and parsed again by its owner: defaults are applied there.
  parseRequestPart(route.body.schema, value, 'body')
  return { query, rawQuery, body: { kind: 'json', value } }
}
