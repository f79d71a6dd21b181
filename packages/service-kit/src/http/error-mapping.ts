import { HttpException } from '@nestjs/common'
import { PharosError, type ProblemCode } from '@pharos/contracts'
import { z } from 'zod'

/** What statuses of Nest and Fastify mean in our list of problems. */
const codeOfStatus: Readonly<Record<number, ProblemCode>> = {
  400: 'request-invalid',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not-found',
  405: 'method-not-allowed',
  408: 'request-invalid',
  409: 'conflict',
  412: 'precondition-failed',
  413: 'request-too-large',
  414: 'request-invalid',
  415: 'media-type-not-accepted',
  429: 'rate-limited',
  431: 'request-too-large',
  503: 'too-many-in-flight',
}

const detailOfCode: Partial<Readonly<Record<ProblemCode, string>>> = {
  unauthenticated: 'The request carries no valid credentials.',
  forbidden: 'The caller may not do this.',
  'not-found': 'There is nothing at this address.',
  'method-not-allowed': 'This method is not served at this address.',
  'request-too-large': 'The request is larger than allowed.',
  'media-type-not-accepted': 'The body must be JSON, or of a type that this address takes.',
  'too-many-in-flight': 'The service is about to end or has too much to do.',
}

/** Makes any error a `PharosError`. What is not expected becomes `internal-error`, whose detail says nothing of the inside. */
export function toPharosError(error: unknown): PharosError {
  if (error instanceof PharosError) return error
  if (error instanceof z.ZodError) {
    // A schema that failed outside of an edge is a mistake of ours; at the edge, parseRequestPart has made a PharosError of it.
    return internalError(error)
  }
  const status = statusOf(error)
  const code = status === undefined ? undefined : (codeOfStatus[status] ?? (status < 500 ? 'request-invalid' : undefined))
  if (code === undefined) return internalError(error)
  return new PharosError(code, detailOfCode[code] ?? safeMessage(error), { cause: error })
}

function internalError(cause: unknown): PharosError {
  return new PharosError('internal-error', 'An unexpected error was logged; quote the trace id when you report it.', { cause })
}

/** Status of an error of Nest or of Fastify (whose errors carry a code that begins with FST_). */
function statusOf(error: unknown): number | undefined {
  if (error instanceof HttpException) return error.getStatus()
  if (!(error instanceof Error) || !('statusCode' in error) || typeof error.statusCode !== 'number') return undefined
  return 'code' in error && String(error.code).startsWith('FST_') ? error.statusCode : undefined
}

/** Messages of 4xx errors of the framework are written for callers. */
function safeMessage(error: unknown): string {
  return error instanceof Error && error.message !== '' ? error.message : 'The request does not fit the contract.'
}
