import { RetentionPreview, StorageUsage } from '../retention.js'
import type { RouteDefinition } from './route-definition.js'

/** What is kept, for how long, and what that takes. */
export const retentionRoutes = [
  {
    operation: 'previewRetention',
    method: 'GET',
    path: '/system/retention',
    tag: 'System',
    role: 'admin',
    summary: 'How long things are kept, and what the next run would remove; removes nothing',
    responses: { 200: { description: 'Policies and counts', schema: RetentionPreview } },
  },
  {
    operation: 'getStorage',
    method: 'GET',
    path: '/system/storage',
    tag: 'System',
    role: 'admin',
    summary: 'Bytes in PostgreSQL by what they hold, and for each image, against the budget',
    responses: { 200: { description: 'The usage', schema: StorageUsage } },
  },
] as const satisfies readonly RouteDefinition[]
