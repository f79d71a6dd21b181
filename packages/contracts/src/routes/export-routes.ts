import { ChangePage, ChangesQuery, ChangeStreamQuery, ExportQuery, ExportResource } from '../export.js'
import type { RouteDefinition } from './route-definition.js'

/** Everything at once, and what has changed since. */
export const exportRoutes = [
  {
    operation: 'exportResource',
    method: 'GET',
    path: '/export/{resource}',
    tag: 'Export',
    role: 'viewer',
    summary:
      'Everything of a kind as of one moment, a JSON object a line (ExportLine); gzip on request. A stream without its end line was cut off',
    params: { resource: ExportResource },
    query: ExportQuery,
    responses: { 200: { description: 'Lines of type ExportLine', mediaType: 'application/x-ndjson' } },
    problems: ['filter-invalid', 'busy'],
  },
  {
    operation: 'listChanges',
    method: 'GET',
    path: '/changes',
    tag: 'Export',
    role: 'viewer',
    summary: 'Changes of findings and images in commit order, from a cursor on; wait holds the answer until there is one',
    query: ChangesQuery,
    responses: { 200: { description: 'Changes, and the cursor to go on with', schema: ChangePage } },
    problems: ['cursor-invalid', 'cursor-expired', 'filter-invalid'],
  },
  {
    operation: 'streamChanges',
    method: 'GET',
    path: '/changes/stream',
    tag: 'Export',
    role: 'viewer',
    summary: 'The same as server-sent events; the id of each is a cursor, and Last-Event-ID goes on from it',
    query: ChangeStreamQuery,
    handledBy: 'gateway',
    responses: { 200: { description: 'Events named finding and image with a Change each', mediaType: 'text/event-stream' } },
    problems: ['cursor-invalid', 'cursor-expired', 'filter-invalid'],
  },
] as const satisfies readonly RouteDefinition[]
