import type { DecisionResponse, DecisionStatus, Justification, OriginalDecision, VexFormat } from '@pharos/contracts'
import type { StatementProduct } from '../statement-matching.js'

/** What a VEX document says of a vulnerability in products; the same for all formats. */
export interface VexStatement {
  /** The name that the document gives the vulnerability. */
  readonly vulnerability: string
  /** That name and its aliases. */
  readonly names: readonly string[]
  readonly status: DecisionStatus
  readonly justification: Justification | null
  /** Why it is not affected, in words. */
  readonly impactStatement: string | null
  readonly comment: string | null
  readonly response: readonly DecisionResponse[]
  readonly original: OriginalDecision
  /** When it was made. */
  readonly at: Date
  readonly products: readonly StatementProduct[]
}

/** A VEX document as it was read. */
export interface ParsedVexDocument {
  readonly format: VexFormat
  /** The id that it gives itself. */
  readonly documentId: string
  readonly documentVersion: string | null
  readonly author: string | null
  readonly issuedAt: Date
  readonly statements: readonly VexStatement[]
  /** What could not be used, in words. */
  readonly warnings: readonly string[]
}

/** What stands where a format demands a text and nobody gave one; it is read back as none. */
export const noActionStatement = 'No action has been decided yet.'
export const noImpactStatement = 'No reason was given.'

/** A text as it was given: null for what stands in its place. */
export function givenText(text: string | null): string | null {
  return text === noActionStatement || text === noImpactStatement ? null : text
}

const markable = ['accepted', 'false_positive'] as const
const mark = /^Decision in Pharos: (accepted|false_positive)\.(?:\s+|$)/

/** OpenVEX and CSAF have no word for some decisions: a text says it, so that reading the document back gives the same decision. */
export function markedText(status: (typeof markable)[number], text: string | null): string {
  return `Decision in Pharos: ${status}.${text === null ? '' : ` ${text}`}`
}

/** The decision that `markedText` put into a text, and the text without it. */
export function readMark(text: string | null): { readonly status: (typeof markable)[number] | null; readonly text: string | null } {
  const status = markable.find((known) => known === mark.exec(text ?? '')?.[1]) ?? null
  if (status === null) return { status, text }
  const rest = text?.replace(mark, '') ?? ''
  return { status, text: rest === '' ? null : rest }
}

const impactMark = 'Impact: '
const paragraph = '\n\n'

/** An OpenVEX statement holds a justification or an impact statement, not both: beside a justification the latter begins the notes. */
export function notesOf(impactStatement: string | null, comment: string | null): string | null {
  if (impactStatement === null) return comment
  const impact = `${impactMark}${impactStatement.replaceAll(/\n{2,}/g, '\n')}`
  return comment === null ? impact : `${impact}${paragraph}${comment}`
}

/** Takes apart what `notesOf` has joined. */
export function readNotes(notes: string | null): { readonly impactStatement: string | null; readonly comment: string | null } {
  if (notes?.startsWith(impactMark) !== true) return { impactStatement: null, comment: notes }
  const [impact = '', ...rest] = notes.slice(impactMark.length).split(paragraph)
  return { impactStatement: impact, comment: rest.length === 0 ? null : rest.join(paragraph) }
}
