import { Uuid } from '../primitives.js'
import { CreateRematch, ListRematchesQuery, Rematch, RematchPage } from '../rematch.js'
import type { RouteDefinition } from './route-definition.js'

/** Re-matches: the fleet judged by another vulnerability database. */
export const rematchRoutes = [
  {
    operation: 'listRematches',
    method: 'GET',
    path: '/rematches',
    tag: 'System',
    role: 'viewer',
    summary: 'Re-matches of the fleet, newest first',
    query: ListRematchesQuery,
    responses: { 200: { description: 'A page', schema: RematchPage } },
  },
  {
    operation: 'createRematch',
    method: 'POST',
    path: '/rematches',
    tag: 'System',
    role: 'admin',
    summary: 'Match the fleet again in the active database',
    body: { schema: CreateRematch },
    responses: { 202: { description: 'It has begun', schema: Rematch } },
    problems: ['conflict'],
  },
  {
    operation: 'getRematch',
    method: 'GET',
    path: '/rematches/{id}',
    tag: 'System',
    role: 'viewer',
    summary: 'Progress and report of a re-match',
    params: { id: Uuid },
    responses: { 200: { description: 'The re-match', schema: Rematch } },
    problems: ['not-found'],
  },
  {
    operation: 'pauseRematch',
    method: 'POST',
    path: '/rematches/{id}:pause',
    tag: 'System',
    role: 'admin',
    summary: 'Give out no further work of a re-match, and do not switch',
    params: { id: Uuid },
    responses: { 200: { description: 'The re-match', schema: Rematch } },
    problems: ['not-found', 'conflict'],
  },
  {
    operation: 'resumeRematch',
    method: 'POST',
    path: '/rematches/{id}:resume',
    tag: 'System',
    role: 'admin',
    summary: 'Go on with a paused re-match',
    params: { id: Uuid },
    responses: { 200: { description: 'The re-match', schema: Rematch } },
    problems: ['not-found', 'conflict'],
  },
] as const satisfies readonly RouteDefinition[]
