import { Injectable } from '@nestjs/common'
import { hasRole, PharosError, type Principal, type RouteDefinition, routes } from '@pharos/contracts'
import { Metrics } from '@pharos/service-kit'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { AuthenticatorService } from '../access/authenticator.service.js'
import { LimitsService } from '../limits/limits.service.js'
import { UpstreamClient } from '../proxy/upstream.client.js'
import { OwnRoutesService } from './own-routes.service.js'
import { readRequest } from './request-reader.js'
import { RouteTable } from './route-table.js'

/** Headers of results-service's answers that callers see. */
const answeredHeaders = [
  'content-type',
  'content-length',
  'content-disposition',
  'content-encoding',
  'etag',
  'location',
  'link',
  'retry-after',
  'cache-control',
  'idempotency-replayed',
  'vary',
] as const

/** A request on its way: who sent it and what it is for. */
export interface GatewayRequest {
  route: RouteDefinition
  params: Record<string, string>
  principal: Principal | null
  request: FastifyRequest
  reply: FastifyReply
  /** Aborted when the caller hangs up. */
  signal: AbortSignal
}

/** The stages that every public request passes. */
@Injectable()
export class RequestPipelineService {
  private readonly table = new RouteTable(routes)
  private readonly durations: ReturnType<typeof operationDurations>

  constructor(
    private readonly authenticator: AuthenticatorService,
    private readonly limits: LimitsService,
    private readonly upstream: UpstreamClient,
    private readonly own: OwnRoutesService,
    metrics: Metrics,
  ) {
    this.durations = operationDurations(metrics)
  }

  /** match -> authenticate -> limit -> authorise -> check -> answer. */
  async handle(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { route, params } = this.match(request, reply)
    const principal = route.role === 'none' ? null : await this.authenticate(request)
    reply.raw.once('close', () =>
      this.durations.observe({ operation: route.operation, status: String(reply.raw.statusCode) }, reply.elapsedTime / 1000),
    )
    const leave = this.limits.enter(principal?.id ?? `address:${request.ip}`)
    reply.raw.once('close', leave)
    authorise(route, principal)
    const hangUp = new AbortController()
    reply.raw.once('close', () => hangUp.abort())
    reply.header('x-content-type-options', 'nosniff').header('cache-control', 'no-store')
    try {
      await this.answer({ route, params, principal, request, reply, signal: hangUp.signal })
    } catch (error) {
      // The caller hung up: there is nobody to be told of what was broken off.
      if (!hangUp.signal.aborted) throw error
    }
  }

  private match(request: FastifyRequest, reply: FastifyReply): { route: RouteDefinition; params: Record<string, string> } {
    const path = (request.url.split('?', 1)[0] ?? '').slice('/api/v1'.length)
    const match = this.table.match(request.method, path)
    if (match.kind === 'found') return match
    if (match.kind === 'not-found') throw new PharosError('not-found', 'There is no such resource; /openapi.json lists all of them.')
    reply.header('allow', match.allowed.join(', '))
    throw new PharosError('method-not-allowed', `This resource takes ${match.allowed.join(', ')}.`)
  }

  private async authenticate(request: FastifyRequest): Promise<Principal> {
    this.limits.checkAddress(request.ip)
    try {
      return await this.authenticator.authenticate(request.headers.authorization)
    } catch (error) {
      if (error instanceof PharosError && error.code === 'unauthenticated') this.limits.countRefusal(request.ip)
      throw error
    }
  }

  private async answer(call: GatewayRequest): Promise<void> {
    const checked = await readRequest(call.request, call.route, call.params)
    if (call.route.handledBy === 'gateway') return this.own.answer(call, checked)
    const answer = await this.upstream.forward({ ...call, checked, headers: headersFor(call) })
    for (const name of answeredHeaders) {
      const value = answer.headers[name]
      if (value !== undefined) call.reply.header(name, value)
    }
    await call.reply.code(answer.status).send(answer.body)
  }
}

function operationDurations(metrics: Metrics) {
  return metrics.histogram({
    name: 'pharos_gateway_operation_duration_seconds',
    help: 'Time from the head of a public request to the end of its answer.',
    labels: ['operation', 'status'],
  })
}

function headersFor(call: GatewayRequest): Record<string, string | string[] | undefined> {
  const { headers } = call.request
  // A route without a principal has a credential of its own, which its owner checks.
  return call.principal === null ? { ...headers, 'x-pharos-notification-authorization': headers.authorization } : headers
}

function authorise(route: RouteDefinition, principal: Principal | null): void {
  if (route.role === 'none') return
  if (principal === null || !hasRole(principal.roles, route.role)) {
    throw new PharosError('forbidden', `This needs the role ${route.role}; you have ${principal?.roles.join(', ') || 'none'}.`)
  }
}
