import { type ExportedDecision, groupedBy, imageHash, imagePurls, sayingOf, type VexExport } from './vex-export.js'
import { markedText, noActionStatement, noImpactStatement, notesOf } from './vex-statement.js'

type Json = Record<string, unknown>

/** Writes an OpenVEX 0.2 document. Each statement names images by purl and digest, and the packages in them as subcomponents. */
export function writeOpenVex({ subject, author, namespace, version, firstAt, lastAt, decisions }: VexExport): Json {
  return {
    '@context': 'https://openvex.dev/ns/v0.2.0',
    '@id': `${namespace}/vex/${subject}`,
    author,
    timestamp: firstAt.toISOString(),
    last_updated: lastAt.toISOString(),
    version,
    tooling: 'Pharos',
    statements: groupedBy(decisions, (decision) => [decision.vulnerability, ...sayingOf(decision)]).flatMap(statementOf),
  }
}

function statementOf(same: readonly ExportedDecision[]): Json[] {
  const [first] = same
  if (first === undefined) return []
  const { vulnerability, aliases, at } = first
  return [
    {
      vulnerability: { name: vulnerability, ...(aliases.length === 0 ? {} : { aliases }) },
      timestamp: at.toISOString(),
      products: groupedBy(same, ({ image }) => image.digest).flatMap(productsOf),
      ...sayingTo(first),
    },
  ]
}

function productsOf(inImage: readonly ExportedDecision[]): Json[] {
  const [first] = inImage
  if (first === undefined) return []
  const hashes = { 'sha-256': imageHash(first.image) }
  const subcomponents = [...new Set(inImage.map((decision) => decision.package.purl))].map((purl) => ({
    '@id': purl,
    identifiers: { purl },
  }))
  const purls = imagePurls(first.image)
  if (purls.length === 0) return [{ '@id': first.image.digest, hashes, subcomponents }]
  return purls.map((purl) => ({ '@id': purl, identifiers: { purl }, hashes, subcomponents }))
}

/** Status and reasons. The format knows neither accepted risks nor false positives: a text keeps them. */
function sayingTo({ status, justification, impactStatement, comment }: ExportedDecision): Json {
  const notes = (text: string | null): Json => (text === null ? {} : { status_notes: text })
  switch (status) {
    case 'in_triage':
      return { status: 'under_investigation', ...notes(comment) }
    case 'affected':
      return { status: 'affected', action_statement: comment ?? noActionStatement }
    case 'accepted':
      return { status: 'affected', action_statement: markedText('accepted', comment) }
    case 'fixed':
      return { status: 'fixed', ...notes(comment) }
    case 'false_positive':
      return {
        status: 'not_affected',
        justification: justification ?? 'component_not_present',
        ...notes(markedText('false_positive', notesOf(impactStatement, comment))),
      }
    case 'not_affected':
      return justification === null
        ? { status: 'not_affected', impact_statement: impactStatement ?? noImpactStatement, ...notes(comment) }
        : { status: 'not_affected', justification, ...notes(notesOf(impactStatement, comment)) }
  }
}
