import type { FastifyInstance } from 'fastify'
import type { PharosLogger } from '../logging/pharos-logger.js'
import type { Metrics } from '../metrics/metrics.js'
import { metricsRefusal } from './metrics-access.js'
import type { HealthRegistry } from './health-registry.js'

/** Paths that no guard, prefix or access log concerns. */
export const OPERATIONAL_PATHS: readonly string[] = ['/healthz', '/readyz', '/metrics']

/**
 * Adds `/healthz`, `/readyz` and `/metrics`. They stand on Fastify itself, beneath Nest, so that no global guard, prefix or
 * interceptor of an app can close or move them.
 */
export function addOperationalRoutes(
  fastify: FastifyInstance,
  parts: { health: HealthRegistry; metrics: Metrics; logger: PharosLogger; metricsToken?: string | undefined },
): void {
  const { health, metrics, logger, metricsToken } = parts
  let wasReady = true

  fastify.get('/healthz', async (_request, reply) => reply.header('cache-control', 'no-store').send({ status: 'alive' }))

  fastify.get('/readyz', async (_request, reply) => {
    const readiness = await health.readiness()
    const isReady = readiness.status === 'ready'
    // Probes come every few seconds: only the change is news.
    if (wasReady && readiness.status === 'not-ready') {
      const down = readiness.checks.filter((check) => check.status === 'down')
      logger.warn('readiness lost', { checks: down.map((check) => ({ ...check, error: health.failureOf(check.name) })) })
    } else if (!wasReady && isReady) {
      logger.info('readiness regained')
    }
    wasReady = isReady
    return reply
      .code(isReady ? 200 : 503)
      .header('cache-control', 'no-store')
      .send(readiness)
  })

  fastify.get('/metrics', async (request, reply) => {
    const refusal = metricsRefusal(request, metricsToken)
    if (refusal !== null) {
      // Beneath Nest there is no filter that would make a problem document of an error.
      return reply
        .code(refusal.status)
        .header('www-authenticate', 'Bearer')
        .type('application/problem+json')
        .serializer(String)
        .send(JSON.stringify(refusal.toProblem({ instance: '/metrics' })))
    }
    return reply.type(metrics.registry.contentType).send(await metrics.render())
  })
}
