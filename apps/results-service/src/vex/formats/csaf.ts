import { type DecisionResponse, type DecisionStatus, Justification } from '@pharos/contracts'
import { z } from 'zod'
import type { StatementProduct } from '../statement-matching.js'
import { givenText, type ParsedVexDocument, readMark, type VexStatement } from './vex-statement.js'

const text = z.string().max(65_536)
const id = z.string().min(1).max(2048)
const Time = z.iso.datetime({ offset: true })
const productIds = z.array(id).optional()

const FullProduct = z.object({
  product_id: id,
  name: text.optional(),
  product_identification_helper: z
    .object({
      cpe: id.optional(),
      purl: id.optional(),
      hashes: z.array(z.object({ file_hashes: z.array(z.object({ algorithm: z.string(), value: z.string() })) })).optional(),
    })
    .optional(),
})

interface Branch {
  product?: z.infer<typeof FullProduct> | undefined
  branches?: Branch[] | undefined
}
const Branch: z.ZodType<Branch> = z.object({
  product: FullProduct.optional(),
  get branches() {
    return z.array(Branch).optional()
  },
})

const ProductStatus = z.object({
  known_not_affected: productIds,
  known_affected: productIds,
  first_affected: productIds,
  last_affected: productIds,
  under_investigation: productIds,
  fixed: productIds,
  first_fixed: productIds,
})

const aboutProducts = { product_ids: productIds, group_ids: productIds }

/** CSAF 2.0 as far as its VEX profile goes. */
export const CsafDocument = z.object({
  document: z.object({
    csaf_version: z.literal('2.0'),
    category: z.string().optional(),
    publisher: z.object({ name: z.string(), namespace: z.string().optional() }),
    tracking: z.object({ id, version: z.string(), current_release_date: Time }),
  }),
  product_tree: z
    .object({
      branches: z.array(Branch).optional(),
      full_product_names: z.array(FullProduct).optional(),
      product_groups: z.array(z.object({ group_id: id, product_ids: z.array(id) })).optional(),
      relationships: z
        .array(z.object({ product_reference: id, relates_to_product_reference: id, full_product_name: FullProduct }))
        .optional(),
    })
    .optional(),
  vulnerabilities: z
    .array(
      z.object({
        cve: id.optional(),
        ids: z.array(z.object({ text: id })).optional(),
        product_status: ProductStatus.optional(),
        flags: z.array(z.object({ label: z.string(), date: Time.optional(), ...aboutProducts })).optional(),
        threats: z.array(z.object({ category: z.string(), details: text, date: Time.optional(), ...aboutProducts })).optional(),
        remediations: z.array(z.object({ category: z.string(), details: text, date: Time.optional(), ...aboutProducts })).optional(),
      }),
    )
    .max(100_000),
})
type CsafDocument = z.infer<typeof CsafDocument>
type Vulnerability = CsafDocument['vulnerabilities'][number]

const statuses: Readonly<Record<keyof z.infer<typeof ProductStatus>, DecisionStatus>> = {
  known_not_affected: 'not_affected',
  known_affected: 'affected',
  first_affected: 'affected',
  last_affected: 'affected',
  under_investigation: 'in_triage',
  fixed: 'fixed',
  first_fixed: 'fixed',
}

const responses: Readonly<Record<string, DecisionResponse>> = {
  vendor_fix: 'update',
  workaround: 'workaround_available',
  mitigation: 'workaround_available',
  no_fix_planned: 'will_not_fix',
}

/** Reads a CSAF document: a statement for each product and vulnerability, those that say the same together. */
export function readCsaf(document: CsafDocument): ParsedVexDocument {
  const { tracking, publisher } = document.document
  const warnings: string[] = []
  const products = new ProductTree(document)
  const statements = document.vulnerabilities.flatMap((vulnerability, position): VexStatement[] => {
    const names = [...(vulnerability.cve === undefined ? [] : [vulnerability.cve]), ...(vulnerability.ids ?? []).map((one) => one.text)]
    if (names.length === 0) warnings.push(`Vulnerability ${position + 1}: it has neither a CVE nor another id.`)
    if (names.length === 0) return []
    return statementsOf(vulnerability, names, products, new Date(tracking.current_release_date), warnings)
  })
  if (products.unidentified.size > 0)
    warnings.push(
      `${products.unidentified.size} products have neither a purl nor a hash, and say nothing of images: ${[...products.unidentified].slice(0, 10).join(', ').slice(0, 1000)}`,
    )
  return {
    format: 'csaf',
    documentId: tracking.id,
    documentVersion: tracking.version,
    author: publisher.name,
    issuedAt: new Date(tracking.current_release_date),
    statements,
    warnings,
  }
}

function statementsOf(
  vulnerability: Vulnerability,
  names: string[],
  products: ProductTree,
  issuedAt: Date,
  warnings: string[],
): VexStatement[] {
  const merged = new Map<string, { statement: Omit<VexStatement, 'products'>; products: StatementProduct[] }>()
  for (const [key, ids] of Object.entries(vulnerability.product_status ?? {}) as [keyof typeof statuses, string[] | undefined][]) {
    for (const productId of ids ?? []) {
      const product = products.find(productId)
      if (product === null) continue
      const statement = statementOf(vulnerability, names, key, products.groupsOf(productId), issuedAt)
      if (statement === null) {
        warnings.push(`${names[0] ?? ''}: ${productId.slice(0, 200)} is said to be not affected, and nothing says why.`)
        continue
      }
      const known = merged.get(JSON.stringify(statement))
      if (known === undefined) merged.set(JSON.stringify(statement), { statement, products: [product] })
      else known.products.push(product)
    }
  }
  return [...merged.values()].map(({ statement, products: about }) => ({ ...statement, products: about }))
}

/** `keys`: the product's id and those of its groups, of which flags, threats and remediations may speak. */
function statementOf(
  vulnerability: Vulnerability,
  names: string[],
  key: keyof typeof statuses,
  keys: ReadonlySet<string>,
  issuedAt: Date,
): Omit<VexStatement, 'products'> | null {
  const concerns = (one: { product_ids?: string[] | undefined; group_ids?: string[] | undefined }): boolean =>
    [...(one.product_ids ?? []), ...(one.group_ids ?? [])].some((about) => keys.has(about))
  const flag = vulnerability.flags?.find((one) => concerns(one) && Justification.safeParse(one.label).success)
  const impact = vulnerability.threats?.find((one) => one.category === 'impact' && concerns(one))
  const remediations = vulnerability.remediations?.filter(concerns) ?? []
  const stated = Justification.safeParse(flag?.label).data ?? null
  const isNotAffected = key === 'known_not_affected'
  if (isNotAffected && stated === null && impact === undefined) return null
  const said = readMark(isNotAffected ? (impact?.details ?? null) : (remediations[0]?.details ?? null))
  const dates = [flag?.date, impact?.date, ...remediations.map((one) => one.date)].flatMap((date) =>
    date === undefined ? [] : [new Date(date)],
  )
  return {
    vulnerability: names[0] ?? '',
    names: [...new Set(names)],
    status: said.status ?? statuses[key],
    justification: isNotAffected && !(said.status === 'false_positive' && stated === 'component_not_present') ? stated : null,
    impactStatement: isNotAffected ? givenText(said.text) : null,
    comment: isNotAffected ? null : givenText(said.text),
    response: [...new Set(remediations.flatMap((one) => responses[one.category] ?? []))].sort(),
    original: { format: 'csaf', status: key, justification: flag?.label ?? null },
    at: dates.length === 0 ? issuedAt : new Date(Math.max(...dates.map((date) => date.getTime()))),
  }
}

/** What the product ids of a document mean. */
class ProductTree {
  /** Products that are named and cannot be told apart by anything that an image has. */
  readonly unidentified = new Set<string>()
  private readonly ids = new Map<string, string[]>()
  /** CPEs: they name distributions, of which components are parts. */
  private readonly platforms = new Map<string, string[]>()
  private readonly relations = new Map<string, { component: string; product: string }>()
  private readonly groups = new Map<string, Set<string>>()

  constructor({ product_tree: tree = {} }: CsafDocument) {
    const add = (product: z.infer<typeof FullProduct>): void => {
      this.ids.set(product.product_id, idsOf(product))
      const cpe = product.product_identification_helper?.cpe
      if (cpe !== undefined) this.platforms.set(product.product_id, [cpe])
    }
    const walk = (branch: Branch): void => {
      if (branch.product !== undefined) add(branch.product)
      for (const part of branch.branches ?? []) walk(part)
    }
    for (const branch of tree.branches ?? []) walk(branch)
    for (const product of tree.full_product_names ?? []) add(product)
    for (const relation of tree.relationships ?? []) {
      add(relation.full_product_name)
      this.relations.set(relation.full_product_name.product_id, {
        component: relation.product_reference,
        product: relation.relates_to_product_reference,
      })
    }
    for (const group of tree.product_groups ?? []) {
      for (const productId of group.product_ids) this.groups.set(productId, (this.groups.get(productId) ?? new Set()).add(group.group_id))
    }
  }

  groupsOf(productId: string): ReadonlySet<string> {
    return new Set([productId, ...(this.groups.get(productId) ?? [])])
  }

  /** A product by its own ids or, where it is a component of another product, as that. */
  find(productId: string): StatementProduct | null {
    const relation = this.relations.get(productId)
    const own = this.ids.get(productId) ?? []
    if (relation === undefined) return this.identified(productId, { ids: own, subcomponents: [] })
    const component = this.ids.get(relation.component) ?? []
    const product = [...(this.ids.get(relation.product) ?? []), ...(this.platforms.get(relation.product) ?? [])]
    if (component.length === 0 || product.length === 0) return this.identified(productId, { ids: own, subcomponents: [] })
    return { ids: product, subcomponents: component }
  }

  private identified(productId: string, product: StatementProduct): StatementProduct | null {
    if (product.ids.length > 0) return product
    this.unidentified.add(productId)
    return null
  }
}

function idsOf({ product_identification_helper: helper }: z.infer<typeof FullProduct>): string[] {
  const hashes = (helper?.hashes ?? []).flatMap((one) => one.file_hashes).filter(({ algorithm }) => /^sha-?256$/i.test(algorithm))
  return [...new Set([...(helper?.purl === undefined ? [] : [helper.purl]), ...hashes.map(({ value }) => value)])]
}
