import { z } from 'zod'
import { Timestamp, Uuid } from './primitives.js'
import { defineSchema } from './schema.js'

/** What can be decided about a finding. One without a decision is `new`. */
export const DecisionStatus = defineSchema(
  'DecisionStatus',
  z
    .enum(['in_triage', 'affected', 'not_affected', 'false_positive', 'accepted', 'fixed'])
    .describe('What was decided; not_affected, false_positive, accepted and fixed suppress the finding: it counts as no risk any more'),
  'not_affected',
)
export type DecisionStatus = z.infer<typeof DecisionStatus>

/** Decisions that take a finding out of an image's counts. */
export const suppressingStatuses: ReadonlySet<DecisionStatus> = new Set(['not_affected', 'false_positive', 'accepted', 'fixed'])

/** OpenVEX's justifications, which are also the labels of CSAF's flags. */
export const Justification = defineSchema(
  'Justification',
  z
    .enum([
      'component_not_present',
      'vulnerable_code_not_present',
      'vulnerable_code_not_in_execute_path',
      'vulnerable_code_cannot_be_controlled_by_adversary',
      'inline_mitigations_already_exist',
    ])
    .describe('Why something is not affected, in the terms of OpenVEX and CSAF'),
  'vulnerable_code_not_in_execute_path',
)
export type Justification = z.infer<typeof Justification>

/** CycloneDX's justifications. */
export const CycloneDxJustification = defineSchema(
  'CycloneDxJustification',
  z
    .enum([
      'code_not_present',
      'code_not_reachable',
      'requires_configuration',
      'requires_dependency',
      'requires_environment',
      'protected_by_compiler',
      'protected_at_runtime',
      'protected_at_perimeter',
      'protected_by_mitigating_control',
    ])
    .describe('Why something is not affected, in the terms of CycloneDX'),
  'code_not_reachable',
)
export type CycloneDxJustification = z.infer<typeof CycloneDxJustification>

export const DecisionResponse = defineSchema(
  'DecisionResponse',
  z
    .enum(['can_not_fix', 'will_not_fix', 'update', 'rollback', 'workaround_available'])
    .describe('What is done about the vulnerability, in the terms of CycloneDX'),
  'update',
)
export type DecisionResponse = z.infer<typeof DecisionResponse>

/** The words that a decision was made with, where Pharos keeps others. */
export const OriginalDecision = defineSchema(
  'OriginalDecision',
  z.object({
    format: z.enum(['pharos', 'openvex', 'cyclonedx', 'csaf']).describe('Whose words these are'),
    status: z.string().describe('Status as it was given'),
    justification: z.string().nullable().describe('Justification as it was given'),
  }),
  { format: 'cyclonedx', status: 'not_affected', justification: 'code_not_reachable' },
)
export type OriginalDecision = z.infer<typeof OriginalDecision>

const decisionFields = {
  justification: Justification.nullable(),
  impactStatement: z.string().nullable().describe('Why it is not affected, in words'),
  comment: z.string().nullable().describe('Anything else; of an affected finding: what is to be done'),
  response: z.array(DecisionResponse),
  source: z.enum(['triage', 'vex']).describe('Whether somebody decided or a VEX document; a person goes first'),
  documentId: Uuid.nullable().describe('The VEX document that decided'),
  original: OriginalDecision.nullable(),
  by: z.string().describe('Who decided, or who brought the document'),
  at: Timestamp.describe('When it was decided'),
  until: Timestamp.nullable().describe('When the decision ends by itself'),
  version: z.int().min(1).describe('Number of the change; the ETag of the finding is made of it'),
}

const decisionExample = {
  status: 'not_affected',
  justification: 'vulnerable_code_not_in_execute_path',
  impactStatement: null,
  comment: 'The template function is never called.',
  response: [],
  source: 'triage',
  documentId: null,
  original: null,
  by: 'user:ana',
  at: '2026-11-24T08:00:00.000Z',
  until: null,
  version: 2,
} as const

export const Decision = defineSchema(
  'Decision',
  z.object({ status: DecisionStatus, ...decisionFields }).describe('What was decided about a finding'),
  { ...decisionExample, response: [] },
)
export type Decision = z.infer<typeof Decision>

export const DecisionEvent = defineSchema(
  'DecisionEvent',
  z
    .object({
      kind: z
        .enum(['set', 'withdrawn', 'expired', 'moved'])
        .describe('moved: it came with a finding of the same vulnerability under another alias'),
      status: DecisionStatus.nullable().describe('null when there was no decision any more'),
      ...decisionFields,
    })
    .describe('A change of a decision; never changed itself'),
  { ...decisionExample, kind: 'set', response: [] },
)
export type DecisionEvent = z.infer<typeof DecisionEvent>

const decisionInput = {
  status: z.enum([...DecisionStatus.options, 'new']).describe('What is decided; new takes the decision back'),
  justification: z
    .union([Justification, CycloneDxJustification])
    .optional()
    .describe('Why it is not affected; not_affected needs this or an impactStatement'),
  response: z.array(DecisionResponse).max(5).optional().describe('What is done about it'),
  impactStatement: z.string().trim().min(1).max(4000).optional().describe('Why it is not affected, in words'),
  comment: z.string().trim().min(1).max(4000).optional().describe('accepted needs one'),
  until: Timestamp.optional().describe('When the decision ends by itself; must lie ahead'),
}

/** Rules that hold between the fields of a decision. */
function checkDecision(
  value: z.infer<z.ZodObject<typeof decisionInput>>,
  context: { addIssue: (issue: { code: 'custom'; path: string[]; message: string }) => void },
): void {
  const refuse = (field: string, message: string) => context.addIssue({ code: 'custom', path: [field], message })
  const { status, justification, impactStatement, comment, response, until } = value
  if (status === 'not_affected' && justification === undefined && impactStatement === undefined)
    refuse('justification', 'not_affected needs a justification or an impactStatement')
  if (status !== 'not_affected' && status !== 'false_positive') {
    if (justification !== undefined) refuse('justification', `A finding that is ${status} has no justification`)
    if (impactStatement !== undefined) refuse('impactStatement', `A finding that is ${status} has no impactStatement`)
  }
  if (status === 'accepted' && comment === undefined) refuse('comment', 'accepted needs a comment that says why')
  if (status === 'new' && (response !== undefined || until !== undefined))
    refuse('status', 'new takes the decision back and takes a comment only')
}

export const SetDecision = defineSchema(
  'SetDecision',
  z.strictObject(decisionInput).superRefine(checkDecision).describe('A decision about a finding'),
  { status: 'not_affected', justification: 'vulnerable_code_not_in_execute_path', comment: 'The template function is never called.' },
)
export type SetDecision = z.infer<typeof SetDecision>

/** A public id of a vulnerability finding. */
export const VulnerabilityFindingId = z
  .string()
  .regex(/^f_[0-9a-f]{32}$/, 'The id of a finding is f_ and 32 hex digits')
  .describe('Id of a finding')

export const DecideFindings = defineSchema(
  'DecideFindings',
  z
    .strictObject({ ids: z.array(VulnerabilityFindingId).min(1).max(1000).describe('Findings, at most 1000'), ...decisionInput })
    .superRefine(checkDecision)
    .describe('One decision about many findings'),
  { ids: [`f_${'0'.repeat(32)}`], status: 'accepted', comment: 'Reachable from the build network alone.' },
)
export type DecideFindings = z.infer<typeof DecideFindings>

export const DecidedFindings = defineSchema(
  'DecidedFindings',
  z.object({
    decided: z.int().min(0).describe('Findings whose decision has changed'),
    unchanged: z.int().min(0).describe('Findings that had this decision already'),
    notFound: z.array(z.string()).describe('Ids that do not exist, or that you may not see'),
  }),
  { decided: 1, unchanged: 0, notFound: [] },
)
export type DecidedFindings = z.infer<typeof DecidedFindings>
