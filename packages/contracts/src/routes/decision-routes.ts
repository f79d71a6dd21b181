import { DecidedFindings, DecideFindings, SetDecision, VulnerabilityFindingId } from '../decision.js'
import { FindingDetail } from '../finding-detail.js'
import type { RouteDefinition } from './route-definition.js'

const id = { id: VulnerabilityFindingId }

/** Findings one by one, and what is decided about them. */
export const decisionRoutes = [
  {
    operation: 'getFinding',
    method: 'GET',
    path: '/findings/{id}',
    tag: 'Findings',
    role: 'viewer',
    summary: 'A finding with what was decided about it; its ETag is needed to decide',
    params: id,
    responses: { 200: { description: 'The finding', schema: FindingDetail } },
  },
  {
    operation: 'decideFinding',
    method: 'PATCH',
    path: '/findings/{id}',
    tag: 'Findings',
    role: 'triager',
    summary: 'Decide about a finding; If-Match is the ETag of what you have read',
    params: id,
    body: { schema: SetDecision },
    responses: { 200: { description: 'The finding', schema: FindingDetail } },
    problems: ['precondition-required', 'precondition-failed'],
  },
  {
    operation: 'decideFindings',
    method: 'POST',
    path: '/findings:decide',
    tag: 'Findings',
    role: 'triager',
    summary: 'One decision about up to 1000 findings, whatever was decided about them before',
    body: { schema: DecideFindings },
    responses: { 200: { description: 'What came of it', schema: DecidedFindings } },
  },
] as const satisfies readonly RouteDefinition[]
