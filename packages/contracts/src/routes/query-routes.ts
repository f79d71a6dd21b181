import { z } from 'zod'
import { FindingPage, QueryFindings } from '../finding.js'
import { FleetPackagePage, QueryPackages } from '../image.js'
import { FacetsAnswer, FacetsQuery, FieldValues, FieldValuesQuery } from '../query/facets.js'
import { FleetWorkloadPage, QueryWorkloads } from '../query/fleet-workload.js'
import { FilteredPageQuery } from '../query/query-page.js'
import { VulnerabilityImagePage } from '../vulnerability.js'
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
  {
    operation: 'countFindingsByFields',
    method: 'GET',
    path: '/findings:facets',
    tag: 'Queries',
    role: 'viewer',
    summary: 'How many findings there are of each value of some fields',
    query: FacetsQuery,
    responses: { 200: { description: 'Counts by value', schema: FacetsAnswer } },
    problems: ['filter-invalid'],
  },
  {
    operation: 'listFieldValues',
    method: 'GET',
    path: '/findings:values',
    tag: 'Queries',
    role: 'viewer',
    summary: 'Values of a field that hold a text, to choose from',
    query: FieldValuesQuery,
    responses: { 200: { description: 'Values', schema: FieldValues } },
  },
  {
    operation: 'queryPackages',
    method: 'GET',
    path: '/packages',
    tag: 'Queries',
    role: 'viewer',
    summary: 'Packages of all images, each once, with the number of images that have it',
    query: QueryPackages,
    responses: { 200: { description: 'A page', schema: FleetPackagePage } },
    problems: ['cursor-invalid', 'filter-invalid'],
  },
  {
    operation: 'queryWorkloads',
    method: 'GET',
    path: '/workloads',
    tag: 'Queries',
    role: 'viewer',
    summary: 'Containers of workloads that run now, and what they run',
    query: QueryWorkloads,
    responses: { 200: { description: 'A page', schema: FleetWorkloadPage } },
    problems: ['cursor-invalid', 'filter-invalid'],
  },
  {
    operation: 'listVulnerableImages',
    method: 'GET',
    path: '/vulnerabilities/{id}/images',
    tag: 'Queries',
    role: 'viewer',
    summary: 'Images with an open finding of a vulnerability, by any of its ids, and the workloads that run them',
    params: { id: z.string().max(100) },
    query: FilteredPageQuery,
    responses: { 200: { description: 'A page', schema: VulnerabilityImagePage } },
    problems: ['cursor-invalid', 'filter-invalid'],
  },
] as const satisfies readonly RouteDefinition[]
