import { AsyncResource } from 'node:async_hooks'
import { context, propagation, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { OPERATIONAL_PATHS } from '../health/operational-routes.js'
import { withLogContext } from '../logging/log-context.js'
import type { PharosLogger } from '../logging/pharos-logger.js'
import { type Metrics, SECONDS_BUCKETS } from '../metrics/metrics.js'

interface Observed {
  readonly span: Span
  /** The asynchronous scope in which span and log context are active. */
  readonly scope: AsyncResource
}

const observed = new WeakMap<FastifyRequest, Observed>()

/** Trace id of a request; also known where its asynchronous context is lost, e.g. in errors of body parsing. */
export function requestTraceId(request: FastifyRequest): string | undefined {
  return observed.get(request)?.span.spanContext().traceId
}

/** Gives each request a span, its log context, a duration in the metrics, and one line in the log. */
export function observeRequests(fastify: FastifyInstance, parts: { logger: PharosLogger; metrics: Metrics }): void {
  const { logger } = parts
  const durations = parts.metrics.histogram({
    name: 'pharos_http_request_duration_seconds',
    help: 'Time from the head of a request to the end of its answer.',
    labels: ['method', 'route', 'status'],
    buckets: SECONDS_BUCKETS,
  })
  const inFlight = parts.metrics.gauge({ name: 'pharos_http_requests_in_flight', help: 'Requests that are being answered.' })

  fastify.addHook('onRequest', (request, reply, done) => {
    inFlight.inc()
    reply.header('x-request-id', request.id)
    if (OPERATIONAL_PATHS.includes(routeOf(request))) {
      done()
      return
    }
    const parent = propagation.extract(context.active(), request.headers)
    const span = trace
      .getTracer('@pharos/service-kit')
      .startSpan(
        `${request.method} ${routeOf(request)}`,
        { kind: SpanKind.SERVER, attributes: { 'http.request.method': request.method, 'http.route': routeOf(request) } },
        parent,
      )
    context.with(trace.setSpan(parent, span), () =>
      withLogContext({ requestId: request.id }, () => {
        observed.set(request, { span, scope: new AsyncResource('pharos-request') })
        done()
      }),
    )
  })

  // Reading a body goes on from events of the socket, where the context is that of the connection: it is entered again.
  fastify.addHook('preValidation', (request, _reply, done) => {
    const scope = observed.get(request)?.scope
    if (scope === undefined) done()
    else scope.runInAsyncScope(done)
  })

  fastify.addHook('onResponse', (request, reply, done) => {
    inFlight.dec()
    const seconds = reply.elapsedTime / 1000
    durations.observe({ method: methodLabel(request.method), route: routeOf(request), status: String(reply.statusCode) }, seconds)
    const entry = observed.get(request)
    if (entry !== undefined) {
      entry.span.setAttribute('http.response.status_code', reply.statusCode)
      if (reply.statusCode >= 500) entry.span.setStatus({ code: SpanStatusCode.ERROR })
      entry.span.end()
      entry.scope.runInAsyncScope(() =>
        logger.debug('request answered', {
          method: request.method,
          route: routeOf(request),
          status: reply.statusCode,
          durationMs: Math.round(reply.elapsedTime * 10) / 10,
        }),
      )
    }
    done()
  })
}

/** Pattern of the route, or a fixed word where there is none: the labels stay bounded whatever is asked for. */
function routeOf(request: FastifyRequest): string {
  return request.is404 ? 'unmatched' : (request.routeOptions.url ?? 'unmatched')
}

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

function methodLabel(method: string): string {
  return METHODS.has(method) ? method : 'other'
}
