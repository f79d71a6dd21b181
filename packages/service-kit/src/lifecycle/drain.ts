import { setTimeout as delay } from 'node:timers/promises'
import type { Service } from '../http/create-service.js'

/** How a drain ended: everything in hand was finished, or the time ran out. */
export type DrainOutcome = 'drained' | 'grace-exceeded'

/**
 * Ends a service: `/readyz` says 503, after the delay no new connection is taken, requests in flight and jobs end, then
 * Nest's shutdown hooks close queues, Redis and databases; at last spans are sent.
 */
export async function drain(
  service: Pick<Service, 'app' | 'health'>,
  options: { graceMs: number; delayMs: number; stopTracing?: () => Promise<void> },
): Promise<DrainOutcome> {
  service.health.startDraining()
  if (options.delayMs > 0) await delay(options.delayMs)
  const abort = new AbortController()
  const graceOver = delay(options.graceMs, 'grace-exceeded' as const, { signal: abort.signal }).catch(() => 'drained' as const)
  const closed = close(service, options.stopTracing).then(() => 'drained' as const)
  const outcome = await Promise.race([closed, graceOver])
  abort.abort()
  return outcome
}

async function close(service: Pick<Service, 'app'>, stopTracing: (() => Promise<void>) | undefined): Promise<void> {
  const server = service.app.getHttpServer()
  // Kept connections without a request would hold the server open until their clients let go.
  server.closeIdleConnections()
  const timer = setInterval(() => server.closeIdleConnections(), 200)
  try {
    await service.app.close()
  } finally {
    clearInterval(timer)
  }
  await stopTracing?.()
}
