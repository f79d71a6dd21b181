import { type DecisionStatus, Justification } from '@pharos/contracts'
import { z } from 'zod'
import type { StatementProduct } from '../statement-matching.js'
import { givenText, type ParsedVexDocument, readMark, readNotes, type VexStatement } from './vex-statement.js'

const text = z.string().max(65_536)
const id = z.string().min(1).max(2048)
const Time = z.iso.datetime({ offset: true })

const Component = z.object({
  '@id': id.optional(),
  identifiers: z.record(z.string(), id).optional(),
  hashes: z.record(z.string(), id).optional(),
})
const Product = Component.extend({ subcomponents: z.array(z.union([Component, id])).optional() })
const Status = z.enum(['not_affected', 'affected', 'fixed', 'under_investigation'])

const Statement = z.object({
  vulnerability: z.union([
    z.object({ '@id': id.optional(), name: id.optional(), aliases: z.array(id).max(1000).optional() }),
    // Version 0.0 of the specification had the name alone.
    id,
  ]),
  products: z.array(z.union([Product, id])).optional(),
  status: Status,
  timestamp: Time.optional(),
  last_updated: Time.optional(),
  justification: text.optional(),
  impact_statement: text.optional(),
  action_statement: text.optional(),
  status_notes: text.optional(),
})

/** OpenVEX 0.2 as far as it is read. */
export const OpenVexDocument = z.object({
  '@context': z.string().regex(/^https:\/\/openvex\.dev\/ns/),
  '@id': id,
  author: text,
  timestamp: Time,
  last_updated: Time.optional(),
  version: z.union([z.int(), z.string()]),
  statements: z.array(Statement).max(100_000),
})

const statuses: Readonly<Record<z.infer<typeof Status>, DecisionStatus>> = {
  not_affected: 'not_affected',
  affected: 'affected',
  fixed: 'fixed',
  under_investigation: 'in_triage',
}

/** Reads an OpenVEX document. A statement that does not say why something is not affected is left out, with a warning. */
export function readOpenVex(document: z.infer<typeof OpenVexDocument>): ParsedVexDocument {
  const warnings: string[] = []
  const statements = document.statements.flatMap((statement, position): VexStatement[] => {
    const problem = problemOf(statement)
    if (problem !== null) warnings.push(`Statement ${position + 1}: ${problem}`)
    return problem === null ? [statementOf(statement, document)] : []
  })
  return {
    format: 'openvex',
    documentId: document['@id'],
    documentVersion: String(document.version),
    author: document.author,
    issuedAt: new Date(document.last_updated ?? document.timestamp),
    statements,
    warnings,
  }
}

type Statement = z.infer<typeof Statement>

function problemOf(statement: Statement): string | null {
  const { status, justification, impact_statement, products } = statement
  if (namesOf(statement).length === 0) return 'it names no vulnerability.'
  if ((products ?? []).length === 0) return 'it names no product.'
  if (status === 'not_affected' && justification === undefined && impact_statement === undefined)
    return 'not_affected needs a justification or an impact_statement.'
  if (justification !== undefined && !Justification.safeParse(justification).success)
    return `there is no justification "${justification.slice(0, 100)}".`
  return null
}

function namesOf({ vulnerability }: Statement): string[] {
  if (typeof vulnerability === 'string') return [vulnerability]
  return [vulnerability.name, ...(vulnerability.aliases ?? []), vulnerability['@id']].flatMap((name) => (name === undefined ? [] : [name]))
}

function statementOf(statement: Statement, document: z.infer<typeof OpenVexDocument>): VexStatement {
  const names = namesOf(statement)
  const { justification, impact_statement = null, action_statement = null, status_notes = null } = statement
  const notes = readMark(statement.status === 'affected' ? (action_statement ?? status_notes) : status_notes)
  const said = statement.status === 'not_affected' ? readNotes(notes.text) : { impactStatement: null, comment: notes.text }
  const stated = justification === undefined ? null : Justification.parse(justification)
  return {
    vulnerability: names[0] ?? '',
    names: [...new Set(names)],
    status: notes.status ?? statuses[statement.status],
    justification: notes.status === 'false_positive' && stated === 'component_not_present' ? null : stated,
    impactStatement: givenText(impact_statement ?? said.impactStatement),
    comment: givenText(said.comment),
    response: [],
    original: { format: 'openvex', status: statement.status, justification: justification ?? null },
    at: new Date(statement.last_updated ?? statement.timestamp ?? document.last_updated ?? document.timestamp),
    products: (statement.products ?? []).map(productOf),
  }
}

function productOf(product: z.infer<typeof Product> | string): StatementProduct {
  if (typeof product === 'string') return { ids: [product], subcomponents: [] }
  return {
    ids: idsOf(product),
    subcomponents: (product.subcomponents ?? []).flatMap((part) => (typeof part === 'string' ? [part] : idsOf(part))),
  }
}

function idsOf({ '@id': own, identifiers = {}, hashes = {} }: z.infer<typeof Component>): string[] {
  return [...new Set([...(own === undefined ? [] : [own]), ...Object.values(identifiers), ...Object.values(hashes)])]
}
