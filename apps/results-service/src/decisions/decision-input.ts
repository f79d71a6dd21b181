import { CycloneDxJustification, type Justification, PharosError, type SetDecision } from '@pharos/contracts'
import { type DecisionFacts, noDecision, type NoDecision } from './decision-facts.js'

/** CycloneDX's justifications as those of OpenVEX; the original stays beside it. */
const joined: Readonly<Record<CycloneDxJustification, Justification>> = {
  code_not_present: 'vulnerable_code_not_present',
  code_not_reachable: 'vulnerable_code_not_in_execute_path',
  requires_configuration: 'vulnerable_code_cannot_be_controlled_by_adversary',
  requires_dependency: 'vulnerable_code_cannot_be_controlled_by_adversary',
  requires_environment: 'vulnerable_code_cannot_be_controlled_by_adversary',
  protected_by_compiler: 'inline_mitigations_already_exist',
  protected_at_runtime: 'inline_mitigations_already_exist',
  protected_at_perimeter: 'inline_mitigations_already_exist',
  protected_by_mitigating_control: 'inline_mitigations_already_exist',
}

export function joinedJustification(justification: CycloneDxJustification): Justification {
  return joined[justification]
}

/** What a caller decides. Throws `request-invalid` for an end that has passed. */
export function decisionFactsOfInput(input: Omit<SetDecision, 'ids'>, now: Date): DecisionFacts | NoDecision {
  const { status, justification = null, impactStatement = null, comment = null, response = [], until } = input
  if (status === 'new') return noDecision(comment)
  if (until !== undefined && Date.parse(until) <= now.getTime()) {
    throw new PharosError('request-invalid', 'The decision would have ended already.', {
      errors: [{ pointer: '#/body/until', detail: 'A moment that lies ahead' }],
    })
  }
  const foreign = CycloneDxJustification.safeParse(justification)
  return {
    status,
    justification: foreign.success ? joined[foreign.data] : (justification as Justification | null),
    impactStatement,
    comment,
    response: [...new Set(response)].sort(),
    original: foreign.success ? { format: 'cyclonedx', status, justification: foreign.data } : null,
    until: until === undefined ? null : new Date(until),
  }
}
