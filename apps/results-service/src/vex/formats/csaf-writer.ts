import type { DecisionResponse } from '@pharos/contracts'
import { type ExportedDecision, type ExportedImage, groupedBy, imageHash, imagePurls, type VexExport } from './vex-export.js'
import { markedText, noActionStatement, noImpactStatement } from './vex-statement.js'

type Json = Record<string, unknown>

const remediationOf: Readonly<Record<DecisionResponse, string>> = {
  update: 'vendor_fix',
  workaround_available: 'workaround',
  rollback: 'mitigation',
  will_not_fix: 'no_fix_planned',
  can_not_fix: 'no_fix_planned',
}

/** Writes a CSAF 2.0 document of the VEX profile: packages as components of images. */
export function writeCsaf({ subject, author, namespace, version, firstAt, lastAt, decisions }: VexExport): Json {
  const products = new ProductIds(decisions)
  // Whole numbers would ask for an entry of each of them.
  const number = `1.${version}.0`
  return {
    document: {
      category: 'csaf_vex',
      csaf_version: '2.0',
      title: `Decisions about vulnerabilities: ${subject}`,
      lang: 'en',
      publisher: { category: 'user', name: author, namespace },
      tracking: {
        id: subject.replaceAll(/[^A-Za-z0-9.-]+/g, '-'),
        status: 'final',
        version: number,
        initial_release_date: firstAt.toISOString(),
        current_release_date: lastAt.toISOString(),
        revision_history: [
          { number: '1.0.0', date: firstAt.toISOString(), summary: 'The first decision.' },
          { number, date: lastAt.toISOString(), summary: `Changes of decisions up to number ${version}.` },
        ],
        generator: { engine: { name: 'Pharos' } },
      },
    },
    product_tree: products.tree(),
    vulnerabilities: groupedBy(decisions, ({ vulnerability }) => vulnerability).flatMap((group) => vulnerabilityOf(group, products)),
  }
}

function vulnerabilityOf(decisions: readonly ExportedDecision[], products: ProductIds): Json[] {
  const [first] = decisions
  if (first === undefined) return []
  const { vulnerability, aliases } = first
  const isCve = /^CVE-\d{4}-\d{4,}$/.test(vulnerability)
  const others = (isCve ? aliases : [vulnerability, ...aliases]).map((id) => ({ system_name: id.split('-')[0] ?? id, text: id }))
  const notAffected = decisions.filter(({ status }) => status === 'not_affected' || status === 'false_positive')
  const affected = decisions.filter(({ status }) => status === 'affected' || status === 'accepted')
  return [
    {
      ...(isCve ? { cve: vulnerability } : {}),
      ...(others.length === 0 ? {} : { ids: others }),
      notes: [{ category: 'general', title: 'Decisions', text: `What was decided about ${vulnerability} in container images.` }],
      product_status: {
        ...statusList('known_not_affected', notAffected, products),
        ...statusList('known_affected', affected, products),
        ...statusList('under_investigation', ofStatus(decisions, 'in_triage'), products),
        ...statusList('fixed', ofStatus(decisions, 'fixed'), products),
      },
      ...listOf('flags', flagsOf(notAffected, products)),
      ...listOf('threats', impactsOf(notAffected, products)),
      ...listOf('remediations', remediationsOf(affected, products)),
    },
  ]
}

const ofStatus = (decisions: readonly ExportedDecision[], status: string) => decisions.filter((decision) => decision.status === status)
const listOf = (key: string, items: readonly Json[]): Json => (items.length === 0 ? {} : { [key]: items })

function statusList(key: string, decisions: readonly ExportedDecision[], products: ProductIds): Json {
  return decisions.length === 0 ? {} : { [key]: products.idsOf(decisions) }
}

function flagsOf(decisions: readonly ExportedDecision[], products: ProductIds): Json[] {
  const labelled = decisions.flatMap((decision) => {
    const label = decision.justification ?? (decision.status === 'false_positive' ? 'component_not_present' : null)
    return label === null ? [] : [{ decision, label }]
  })
  return groupedBy(labelled, ({ label, decision }) => [label, decision.at]).map((same) => ({
    label: same[0]?.label,
    date: same[0]?.decision.at.toISOString(),
    product_ids: products.idsOf(same.map(({ decision }) => decision)),
  }))
}

/** Why it has no impact, in words; without any, the comment. */
function impactsOf(decisions: readonly ExportedDecision[], products: ProductIds): Json[] {
  const explained = decisions.flatMap((decision) => {
    const isUnexplained = decision.status === 'not_affected' && decision.justification === null
    const text = decision.impactStatement ?? decision.comment ?? (isUnexplained ? noImpactStatement : null)
    const details = decision.status === 'false_positive' ? markedText('false_positive', text) : text
    return details === null ? [] : [{ decision, details }]
  })
  return groupedBy(explained, ({ details, decision }) => [details, decision.at]).map((same) => ({
    category: 'impact',
    details: same[0]?.details,
    date: same[0]?.decision.at.toISOString(),
    product_ids: products.idsOf(same.map(({ decision }) => decision)),
  }))
}

function remediationsOf(decisions: readonly ExportedDecision[], products: ProductIds): Json[] {
  const treated = decisions.flatMap((decision) => {
    const { status, comment, response } = decision
    const details = status === 'accepted' ? markedText('accepted', comment) : (comment ?? noActionStatement)
    const categories = response.length === 0 ? ['none_available'] : [...new Set(response.map((one) => remediationOf[one]))]
    return categories.map((category) => ({ decision, category, details }))
  })
  return groupedBy(treated, ({ category, details, decision }) => [category, details, decision.at]).map((same) => ({
    category: same[0]?.category,
    details: same[0]?.details,
    date: same[0]?.decision.at.toISOString(),
    product_ids: products.idsOf(same.map(({ decision }) => decision)),
  }))
}

/** Ids of the products of a document: images, packages, and packages in images. */
class ProductIds {
  private readonly images = new Map<string, { id: string; image: ExportedImage }>()
  private readonly packages = new Map<string, { id: string; package: ExportedDecision['package'] }>()
  private readonly related = new Map<string, { id: string; image: string; package: string; name: string; purl: string }>()

  constructor(decisions: readonly ExportedDecision[]) {
    for (const { image, package: found } of decisions) {
      const imageId = this.images.get(image.digest)?.id ?? `image-${this.images.size + 1}`
      const packageId = this.packages.get(found.purl)?.id ?? `package-${this.packages.size + 1}`
      this.images.set(image.digest, { id: imageId, image })
      this.packages.set(found.purl, { id: packageId, package: found })
      const id = `${imageId}:${packageId}`
      this.related.set(`${image.digest} ${found.purl}`, {
        id,
        image: imageId,
        package: packageId,
        name: `${nameOf(found)} in ${titleOf(image)}`,
        purl: found.purl,
      })
    }
  }

  idsOf(decisions: readonly ExportedDecision[]): string[] {
    return [...new Set(decisions.flatMap(({ image, package: found }) => this.related.get(`${image.digest} ${found.purl}`)?.id ?? []))]
  }

  tree(): Json {
    return {
      full_product_names: [
        ...[...this.images.values()].map(({ id, image }) => {
          const [purl] = imagePurls(image)
          return {
            product_id: id,
            name: titleOf(image),
            // A digest is in the purl, too; the Go library that others read CSAF with does not read hashes (gocsaf 3.5).
            product_identification_helper:
              purl === undefined
                ? { hashes: [{ filename: 'manifest.json', file_hashes: [{ algorithm: 'sha256', value: imageHash(image) }] }] }
                : { purl },
          }
        }),
        ...[...this.packages.values()].map(({ id, package: found }) => ({
          product_id: id,
          name: nameOf(found),
          product_identification_helper: { purl: found.purl },
        })),
      ],
      relationships: [...this.related.values()].map((related) => ({
        category: 'default_component_of',
        product_reference: related.package,
        relates_to_product_reference: related.image,
        // Readers that know no images look here for the package.
        full_product_name: { product_id: related.id, name: related.name, product_identification_helper: { purl: related.purl } },
      })),
    }
  }
}

const nameOf = ({ name, version }: ExportedDecision['package']): string => `${name} ${version}`.trim()
const titleOf = ({ repositories, digest }: ExportedImage): string =>
  repositories[0] === undefined ? digest : `${repositories[0]}@${digest}`
