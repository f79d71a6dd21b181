import type { Readable } from 'node:stream'
import { Injectable } from '@nestjs/common'
import { type Principal, type RouteDefinition, upstreamPath } from '@pharos/contracts'
import { ServiceClient, type StreamedAnswer } from '@pharos/service-kit'
import type { CheckedRequest } from '../routing/request-reader.js'

/** Headers of a request that results-service needs to see. */
const forwardedHeaders = ['accept-encoding', 'idempotency-key', 'if-none-match', 'if-match', 'x-pharos-notification-authorization'] as const

/** What is sent on for a caller. */
export interface UpstreamRequest {
  route: RouteDefinition
  params: Record<string, string>
  checked: CheckedRequest
  headers: Readonly<Record<string, string | string[] | undefined>>
  principal: Principal | null
  signal: AbortSignal
}

/** Sends public requests on to results-service, bodies unread in both directions. */
@Injectable()
export class UpstreamClient {
  constructor(private readonly results: ServiceClient) {}

  forward(request: UpstreamRequest): Promise<StreamedAnswer> {
    const { route, params, checked } = request
    const path = upstreamPath(route.path).replace(/\{(\w+)\}/g, (_whole, name: string) => encodeURIComponent(params[name] ?? ''))
    const headers = Object.fromEntries(
      forwardedHeaders.flatMap((name) => {
        const value = request.headers[name]
        return typeof value === 'string' ? [[name, value] as const] : []
      }),
    )
    return this.results.stream({
      method: route.method,
      path: checked.rawQuery === '' ? path : `${path}?${checked.rawQuery}`,
      headers: { ...headers, ...contentHeaders(checked.body) },
      ...bodyOf(checked.body),
      ...(request.principal === null ? {} : { principal: request.principal }),
      signal: request.signal,
    })
  }
}

function contentHeaders(body: CheckedRequest['body']): Record<string, string> {
  if (body.kind === 'none') return {}
  if (body.kind === 'json') return { 'content-type': 'application/json' }
  return { 'content-type': body.mediaType, ...(body.encoding === undefined ? {} : { 'content-encoding': body.encoding }) }
}

function bodyOf(body: CheckedRequest['body']): { body?: unknown | Readable } {
  if (body.kind === 'none') return {}
  return { body: body.kind === 'json' ? body.value : body.stream }
}
