import type { z } from 'zod'
import type { Role } from '../principal.js'
import type { ProblemCode } from '../problem.js'

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** One public route: what the gateway checks, what it answers, and who answers it. */
export interface RouteDefinition {
  /** Unique name; OpenAPI's operationId. */
  operation: string
  method: HttpMethod
  /** Path under /api/v1; parameters in braces, actions after a colon, e.g. /scans:batch or /scans/{id}:replay. */
  path: string
  summary: string
  tag: string
  /** Role that the caller needs; `none` is open. */
  role: Role | 'none'
  params?: Readonly<Record<string, z.ZodType>>
  query?: z.ZodObject
  /** JSON body; `raw` bodies are streamed and not parsed by the gateway, and may come with `Content-Encoding: gzip` where that is said. */
  body?: { schema: z.ZodType; limitBytes?: number } | { raw: string; limitBytes: number; acceptsGzip?: boolean }
  responses: Readonly<Record<number, { description: string; schema?: z.ZodType; mediaType?: string }>>
  problems?: readonly ProblemCode[]
  /** Accepts an Idempotency-Key header. */
  isIdempotent?: true
  /** Handled in the gateway; everything else is answered by results-service and streamed through. */
  handledBy?: 'gateway'
}

/** Bytes of a mebibyte, for limits of bodies. */
export const mebibyte = 1024 * 1024
