import { AsOfQuery, DiffQuery, FindingAsOfPage, HistoryPage, ImageDiff } from '../history.js'
import { Digest, PageQuery } from '../primitives.js'
import type { RouteDefinition } from './route-definition.js'

const digest = { digest: Digest }

/** What was known when, and what changed. */
export const historyRoutes = [
  {
    operation: 'diffImage',
    method: 'GET',
    path: '/images/{digest}/diff',
    tag: 'History',
    role: 'viewer',
    summary: 'Difference of two images (with), or of an image between two moments (since, until), each change with its cause',
    params: digest,
    query: DiffQuery,
    responses: { 200: { description: 'A page of differences, with the counts of all', schema: ImageDiff } },
    problems: ['cursor-invalid', 'horizon-exceeded'],
  },
  {
    operation: 'listHistory',
    method: 'GET',
    path: '/images/{digest}/history',
    tag: 'History',
    role: 'viewer',
    summary: 'What changed in an image, newest first',
    params: digest,
    query: PageQuery,
    responses: { 200: { description: 'A page', schema: HistoryPage } },
    problems: ['cursor-invalid'],
  },
  {
    operation: 'listImageFindingsAsOf',
    method: 'GET',
    path: '/images/{digest}/findings:as-of',
    tag: 'History',
    role: 'viewer',
    summary: 'Findings of an image as of a past moment',
    params: digest,
    query: AsOfQuery,
    responses: { 200: { description: 'A page', schema: FindingAsOfPage } },
    problems: ['cursor-invalid', 'filter-invalid', 'horizon-exceeded'],
  },
  {
    operation: 'listFindingsAsOf',
    method: 'GET',
    path: '/findings:as-of',
    tag: 'History',
    role: 'viewer',
    summary: 'Findings of the fleet as of a past moment',
    query: AsOfQuery,
    responses: { 200: { description: 'A page', schema: FindingAsOfPage } },
    problems: ['cursor-invalid', 'filter-invalid', 'horizon-exceeded'],
  },
] as const satisfies readonly RouteDefinition[]
