import { z } from 'zod'
import { Decision, DecisionEvent, DecisionStatus, Justification, OriginalDecision } from './decision.js'
import { Finding } from './finding.js'
import { Digest, Timestamp, Uuid } from './primitives.js'
import { defineSchema, exampleOf } from './schema.js'

export const VexStatementView = defineSchema(
  'VexStatementView',
  z
    .object({
      documentId: Uuid,
      author: z.string().nullable(),
      status: DecisionStatus,
      justification: Justification.nullable(),
      impactStatement: z.string().nullable(),
      comment: z.string().nullable(),
      original: OriginalDecision,
      at: Timestamp.describe('When the statement was made'),
      isTrusted: z.boolean().describe('false: a proposal that decides nothing'),
    })
    .describe('What a VEX document says of a finding'),
  {
    documentId: exampleOf(Uuid),
    author: 'security@example.org',
    status: 'not_affected',
    justification: 'component_not_present',
    impactStatement: null,
    comment: null,
    original: { format: 'openvex', status: 'not_affected', justification: 'component_not_present' },
    at: '2026-11-20T08:00:00.000Z',
    isTrusted: true,
  },
)
export type VexStatementView = z.infer<typeof VexStatementView>

export const FindingDetail = defineSchema(
  'FindingDetail',
  z
    .object({
      finding: Finding,
      image: z.object({ digest: Digest, references: z.array(z.string()).describe('repository:tag that lead to it now') }),
      decision: Decision.nullable(),
      version: z.int().min(0).describe('Changes of the decision so far; the ETag of this answer is made of it'),
      history: z.array(DecisionEvent).describe('Changes of the decision, newest first, at most 100'),
      vex: z.array(VexStatementView).describe('What VEX documents say of it, newest first, at most 100'),
    })
    .describe('A finding with what was decided about it'),
  {
    finding: exampleOf(Finding),
    image: { digest: exampleOf(Digest), references: ['docker.io/library/alpine:3.18'] },
    decision: null,
    version: 0,
    history: [],
    vex: [],
  },
)
export type FindingDetail = z.infer<typeof FindingDetail>
