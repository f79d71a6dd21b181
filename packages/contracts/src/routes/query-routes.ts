import { FindingPage, QueryFindings } from '../finding.js'
import type { RouteDefinition } from './route-definition.js'

/** Questions to the whole fleet. */
export const queryRoutes = [
  {
    operation: 'queryFindings',
    method: 'GET',
    path: '/findings',
    tag: 'Queries',
    role: 'viewer',
    summary: 'Findings of all images',
    query: QueryFindings,
    responses: { 200: { description: 'A page', schema: FindingPage } },
    problems: ['cursor-invalid', 'filter-invalid'],
  },
] as const satisfies readonly RouteDefinition[]
