import type { Decision, DecisionEvent, DecisionResponse, DecisionStatus, Justification, OriginalDecision } from '@pharos/contracts'
import { originalText } from '../inventory/stored-text.js'

/** What is decided, whoever decides. Texts are as they came. */
export interface DecisionFacts {
  readonly status: DecisionStatus
  readonly justification: Justification | null
  readonly impactStatement: string | null
  readonly comment: string | null
  readonly response: readonly DecisionResponse[]
  readonly original: OriginalDecision | null
  /** When it ends by itself. */
  readonly until: Date | null
}

/** Nothing is decided (any more). */
export type NoDecision = Omit<DecisionFacts, 'status'> & { readonly status: null }

/** That nothing is decided, with the reason if somebody gave one. */
export function noDecision(comment: string | null = null): NoDecision {
  return { status: null, justification: null, impactStatement: null, comment, response: [], original: null, until: null }
}

/** Columns that a decision (alias given) and an entry of its history have in common. */
export const decisionColumns = (alias: string): string =>
  ['status', 'justification', 'impact_statement', 'comment', 'response', 'source', 'document_id', 'statement_id', 'original', 'decided_by']
    .concat('decided_at', 'until', 'version')
    .map((column) => `${alias}.${column}`)
    .join(', ')

export interface DecisionRow {
  status: DecisionStatus
  justification: Justification | null
  impact_statement: string | null
  comment: string | null
  response: DecisionResponse[]
  source: 'triage' | 'vex'
  document_id: string | null
  statement_id: string | null
  original: OriginalDecision | null
  decided_by: string
  decided_at: Date
  until: Date | null
  version: number
}

export type DecisionEventRow = Omit<DecisionRow, 'status'> & { status: DecisionStatus | null; kind: DecisionEvent['kind'] }

export function decisionOf(row: DecisionRow): Decision {
  return { status: row.status, ...fieldsOf(row) }
}

export function decisionEventOf(row: DecisionEventRow): DecisionEvent {
  return { kind: row.kind, status: row.status, ...fieldsOf(row) }
}

/** A stored decision as what was decided. */
export function decisionFactsOf(row: DecisionRow): DecisionFacts {
  const { impactStatement, comment } = fieldsOf(row)
  const { status, justification, response, original, until } = row
  return { status, justification, impactStatement, comment, response, original, until }
}

function fieldsOf(row: Omit<DecisionRow, 'status'>): Omit<Decision, 'status'> {
  return {
    justification: row.justification,
    impactStatement: row.impact_statement && originalText(row.impact_statement),
    comment: row.comment && originalText(row.comment),
    response: row.response,
    source: row.source,
    documentId: row.document_id,
    original: row.original,
    by: row.decided_by,
    at: row.decided_at.toISOString(),
    until: row.until?.toISOString() ?? null,
    version: row.version,
  }
}

/** Whether two decisions say the same. */
export function isSameDecision(one: DecisionFacts, other: DecisionFacts): boolean {
  const textOf = ({ status, justification, impactStatement, comment, response, original, until }: DecisionFacts) =>
    JSON.stringify([
      status,
      justification,
      impactStatement,
      comment,
      [...response].sort(),
      original && [original.format, original.status, original.justification],
      until?.getTime() ?? null,
    ])
  return textOf(one) === textOf(other)
}
