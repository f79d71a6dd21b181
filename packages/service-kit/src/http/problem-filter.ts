import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common'
import { PharosError } from '@pharos/contracts'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { PharosLogger } from '../logging/pharos-logger.js'
import { toPharosError } from './error-mapping.js'
import type { RouteTable } from './route-table.js'
import { requestTraceId } from './request-observer.js'

/** Media type of RFC 9457. */
export const PROBLEM_MEDIA_TYPE = 'application/problem+json'

/** Answers every error as problem details (RFC 9457), and logs it once, at the level of its code. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(
    private readonly logger: PharosLogger,
    private readonly routes: RouteTable,
  ) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>()
    const reply = host.switchToHttp().getResponse<FastifyReply>()
    const path = request.url.split('?', 1)[0] ?? '/'
    const allowed = request.is404 ? this.routes.methodsAt(path) : []
    const error =
      allowed.length > 0 ? new PharosError('method-not-allowed', `This address serves ${allowed.join(', ')}.`) : toPharosError(thrown)
    const traceId = requestTraceId(request)
    this.logger.log(error.logLevel, 'request refused', {
      code: error.code,
      status: error.status,
      detail: error.detail,
      method: request.method,
      path,
      requestId: request.id,
      ...(traceId === undefined ? {} : { traceId }),
      // The stack of a caller's mistake says nothing.
      ...(error.logLevel === 'info' ? {} : { error: error.code === 'internal-error' ? error.cause : error }),
    })
    if (reply.sent || reply.raw.headersSent) {
      // A stream that breaks after its head can only be cut, so that the client does not take it for complete.
      reply.raw.destroy()
      return
    }
    if (allowed.length > 0) reply.header('allow', allowed.join(', '))
    if (error.code === 'unauthenticated' && !reply.hasHeader('www-authenticate')) reply.header('www-authenticate', 'Bearer')
    if (error.retryAfterMs !== undefined) reply.header('retry-after', String(Math.ceil(error.retryAfterMs / 1000)))
    // What is left of a body that was too large is not read.
    if (error.code === 'request-too-large') reply.header('connection', 'close')
    sendProblem(reply, error, { instance: path, ...(traceId === undefined ? {} : { traceId }) })
  }
}

/** Answers with problem details. */
export function sendProblem(reply: FastifyReply, error: PharosError, at: { instance: string; traceId?: string }): void {
  reply
    .code(error.status)
    .header('cache-control', 'no-store')
    .type(PROBLEM_MEDIA_TYPE)
    .serializer(String)
    .send(JSON.stringify(error.toProblem(at)))
}
