import { decisionRoutes } from './routes/decision-routes.js'
import { enricherRoutes } from './routes/enricher-routes.js'
import { exportRoutes } from './routes/export-routes.js'
import { historyRoutes } from './routes/history-routes.js'
import { baseImageRoutes } from './routes/base-image-routes.js'
import { imageRoutes } from './routes/image-routes.js'
import { queryRoutes } from './routes/query-routes.js'
import { registryRoutes } from './routes/registry-routes.js'
import { rematchRoutes } from './routes/rematch-routes.js'
import { retentionRoutes } from './routes/retention-routes.js'
import { scanRoutes } from './routes/scan-routes.js'
import { selectionRoutes } from './routes/selection-routes.js'
import { systemRoutes } from './routes/system-routes.js'
import { vexRoutes } from './routes/vex-routes.js'
import { workloadRoutes } from './routes/workload-routes.js'
import { SubmitBatch } from './scan.js'

export type { HttpMethod, RouteDefinition } from './routes/route-definition.js'

/** Every public route of Pharos. */
export const routes = [
  ...scanRoutes,
  ...imageRoutes,
  ...baseImageRoutes,
  ...decisionRoutes,
  ...vexRoutes,
  ...queryRoutes,
  ...enricherRoutes,
  ...historyRoutes,
  ...exportRoutes,
  ...selectionRoutes,
  ...registryRoutes,
  ...rematchRoutes,
  ...retentionRoutes,
  ...systemRoutes,
  ...workloadRoutes,
] as const

/** Name of a public route. */
export type Operation = (typeof routes)[number]['operation']

/**
 * Path at which results-service answers a public path: under the same prefix, with an action's colon as `/-/`,
 * since routers read a colon as a parameter. `/scans/{id}:replay` becomes `/api/v1/scans/{id}/-/replay`.
 */
export function upstreamPath(path: string): string {
  return `/api/v1${path.replace(/:([a-z-]+)$/, '/-/$1')}`
}

/** Schema of a batch body in JSON; NDJSON has one item of it a line. */
export const batchBody = SubmitBatch
