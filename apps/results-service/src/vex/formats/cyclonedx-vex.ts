import {
  CycloneDxJustification,
  DecisionResponse,
  type DecisionStatus,
  DecisionStatus as DecisionStatusSchema,
  Justification,
} from '@pharos/contracts'
import { z } from 'zod'
import { joinedJustification } from '../../decisions/decision-input.js'
import type { StatementProduct } from '../statement-matching.js'
import { type ParsedVexDocument, readMark, type VexStatement } from './vex-statement.js'

const text = z.string().max(65_536)
const id = z.string().min(1).max(2048)
const Time = z.iso.datetime({ offset: true })

interface Component {
  type?: string | undefined
  'bom-ref'?: string | undefined
  name?: string | undefined
  version?: string | undefined
  purl?: string | undefined
  hashes?: { alg: string; content: string }[] | undefined
  components?: Component[] | undefined
}
const Component: z.ZodType<Component> = z.object({
  type: z.string().optional(),
  'bom-ref': id.optional(),
  name: id.optional(),
  version: z.string().max(2048).optional(),
  purl: id.optional(),
  hashes: z.array(z.object({ alg: z.string(), content: z.string() })).optional(),
  get components() {
    return z.array(Component).optional()
  },
})

const State = z.enum(['resolved', 'resolved_with_pedigree', 'exploitable', 'in_triage', 'false_positive', 'not_affected'])

const Vulnerability = z.object({
  id: id.optional(),
  references: z.array(z.object({ id })).optional(),
  published: z.string().optional(),
  updated: z.string().optional(),
  analysis: z
    .object({
      state: State.optional(),
      justification: z.string().max(200).optional(),
      response: z.array(z.string()).optional(),
      detail: text.optional(),
      firstIssued: Time.optional(),
      lastUpdated: Time.optional(),
    })
    .optional(),
  affects: z
    .array(z.object({ ref: id, versions: z.array(z.object({ version: z.string().optional(), status: z.string().optional() })).optional() }))
    .optional(),
  properties: z.array(z.object({ name: z.string(), value: z.string().optional() })).optional(),
})

/** CycloneDX 1.4 to 1.6 as far as its vulnerabilities go. */
export const CycloneDxVexDocument = z.object({
  bomFormat: z.literal('CycloneDX'),
  specVersion: z.enum(['1.4', '1.5', '1.6']),
  serialNumber: id.optional(),
  version: z.int().optional(),
  metadata: z
    .object({
      timestamp: Time.optional(),
      authors: z.array(z.object({ name: z.string().optional(), email: z.string().optional() })).optional(),
      supplier: z.object({ name: z.string().optional() }).optional(),
      component: Component.optional(),
    })
    .optional(),
  components: z.array(Component).optional(),
  vulnerabilities: z.array(Vulnerability).max(100_000),
})
type CycloneDxVexDocument = z.infer<typeof CycloneDxVexDocument>

const states: Readonly<Record<z.infer<typeof State>, DecisionStatus>> = {
  resolved: 'fixed',
  resolved_with_pedigree: 'fixed',
  exploitable: 'affected',
  in_triage: 'in_triage',
  false_positive: 'false_positive',
  not_affected: 'not_affected',
}

/** Properties that keep what the format has no word for. */
export const statusProperty = 'pharos:status'
export const justificationProperty = 'pharos:justification'
export const commentProperty = 'pharos:comment'

/** Reads the analyses of a CycloneDX document. `now` dates one that has no date. */
export function readCycloneDxVex(document: CycloneDxVexDocument, now: Date): ParsedVexDocument {
  const { metadata, serialNumber, version, vulnerabilities } = document
  const warnings: string[] = []
  const products = new ProductIndex(document)
  const issuedAt = metadata?.timestamp === undefined ? now : new Date(metadata.timestamp)
  const statements = vulnerabilities.flatMap((vulnerability, position): VexStatement[] => {
    const name = vulnerability.id
    if (vulnerability.analysis?.state === undefined) return []
    const affected = (vulnerability.affects ?? []).flatMap((affects) => {
      const product = products.find(affects.ref)
      if (product === null) warnings.push(`Vulnerability ${position + 1}: "${affects.ref.slice(0, 200)}" is in no part of the document.`)
      return product === null ? [] : versionsOf(product, affects.versions ?? [])
    })
    if (name === undefined) warnings.push(`Vulnerability ${position + 1}: it has no id.`)
    if (name === undefined || affected.length === 0) return []
    return [{ ...statementOf(vulnerability, name, issuedAt), products: affected }]
  })
  const author = metadata?.authors?.map((one) => one.email ?? one.name).find((one) => one !== undefined) ?? metadata?.supplier?.name ?? null
  return {
    format: 'cyclonedx',
    documentId: serialNumber ?? 'urn:cyclonedx:without-serial-number',
    documentVersion: version === undefined ? null : String(version),
    author,
    issuedAt,
    statements,
    warnings,
  }
}

function statementOf(vulnerability: z.infer<typeof Vulnerability>, name: string, issuedAt: Date): Omit<VexStatement, 'products'> {
  const { state = 'in_triage', justification, response = [], detail, firstIssued, lastUpdated } = vulnerability.analysis ?? {}
  const kept = new Map(vulnerability.properties?.map((property) => [property.name, property.value]))
  const keptStatus = DecisionStatusSchema.safeParse(kept.get(statusProperty)).data
  const keptJustification = Justification.safeParse(kept.get(justificationProperty)).data
  const given = CycloneDxJustification.safeParse(justification).data
  const status = keptStatus ?? states[state]
  const isExplained = status === 'not_affected' || status === 'false_positive'
  const said = readMark(detail ?? null).text
  return {
    vulnerability: name,
    names: [...new Set([name, ...(vulnerability.references ?? []).map((reference) => reference.id)])],
    status,
    justification: keptJustification ?? (given === undefined || kept.has(statusProperty) ? null : joinedJustification(given)),
    impactStatement: isExplained ? said : null,
    comment: kept.get(commentProperty) ?? (isExplained ? null : said),
    response: response.flatMap((one) => DecisionResponse.safeParse(one).data ?? []),
    original: { format: 'cyclonedx', status: state, justification: justification ?? null },
    at: new Date(lastUpdated ?? firstIssued ?? issuedAt),
  }
}

/** A component is affected in the versions that are named and not said to be unaffected. */
function versionsOf(
  product: StatementProduct,
  versions: readonly { version?: string | undefined; status?: string | undefined }[],
): StatementProduct[] {
  const named = versions.flatMap(({ version, status }) => (version === undefined || status === 'unaffected' ? [] : [version]))
  if (named.length === 0) return [product]
  const withVersions = (ids: readonly string[]) =>
    ids.flatMap((one) =>
      one.startsWith('pkg:') && !/^[^?#]*@/.test(one.slice(one.lastIndexOf('/')))
        ? named.map((version) => withVersion(one, version))
        : [one],
    )
  return [{ ids: withVersions(product.ids), subcomponents: withVersions(product.subcomponents) }]
}

function withVersion(purl: string, version: string): string {
  return purl.replace(/(?=[?#]|$)/, `@${encodeURIComponent(version)}`)
}

/** What the references of a document's vulnerabilities mean. */
class ProductIndex {
  private readonly byRef = new Map<string, { component: Component; subject: Component | undefined }>()
  private readonly main: Component | undefined

  constructor({ metadata, components }: CycloneDxVexDocument) {
    this.main = metadata?.component
    // Components of an image stand in it; all others in what the document is about.
    const add = (component: Component, subject: Component | undefined): void => {
      if (component['bom-ref'] !== undefined) this.byRef.set(component['bom-ref'], { component, subject })
      for (const part of component.components ?? []) add(part, component.type === 'container' ? component : subject)
    }
    for (const component of components ?? []) add(component, component.type === 'container' ? undefined : this.main)
    if (this.main !== undefined) {
      add({ ...this.main, components: [] }, undefined)
      for (const part of this.main.components ?? []) add(part, this.main)
    }
  }

  /**
   * The component itself as a product, or as a component in what it stands in. A reference may be a purl, and a link into another document
   * may end in one.
   */
  find(ref: string): StatementProduct | null {
    const known = this.byRef.get(ref)
    const ids = known === undefined ? purlOf(ref) : idsOf(known.component)
    if (ids.length === 0) return null
    const subject = known === undefined ? this.main : known.subject
    const products = subject === undefined ? [] : idsOf(subject)
    return products.length === 0 ? { ids, subcomponents: [] } : { ids: products, subcomponents: ids }
  }
}

function purlOf(ref: string): string[] {
  if (ref.startsWith('pkg:')) return [ref]
  const fragment = /^urn:cdx:[^#]+#(.+)$/.exec(ref)?.[1]
  if (fragment === undefined) return []
  const decoded = fragment.includes('%') ? safelyDecoded(fragment) : fragment
  return decoded.startsWith('pkg:') ? [decoded] : []
}

function safelyDecoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Ids by which a component is known: its purl; of an image without one, its name with its tag or digest, and its digests. */
function idsOf({ purl, name, version, hashes }: Component): string[] {
  const digest = version !== undefined && /^sha(256|512):/.test(version) ? [version] : []
  const named =
    purl === undefined && name !== undefined ? [/[:@]/.test(name) ? name : `${name}${digest.length > 0 ? '@' : ':'}${version ?? ''}`] : []
  const hashed = (hashes ?? []).filter(({ alg }) => alg === 'SHA-256').map(({ content }) => content)
  return [...new Set([...(purl === undefined ? [] : [purl]), ...named, ...digest, ...hashed])]
}
