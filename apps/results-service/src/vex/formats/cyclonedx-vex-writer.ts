import { CycloneDxJustification, type DecisionStatus, type Justification } from '@pharos/contracts'
import { textHash } from '../../inventory/content-hash.js'
import { commentProperty, justificationProperty, statusProperty } from './cyclonedx-vex.js'
import { type ExportedDecision, type ExportedImage, groupedBy, imageHash, imagePurls, sayingOf, type VexExport } from './vex-export.js'

type Json = Record<string, unknown>

const states: Readonly<Record<DecisionStatus, string>> = {
  in_triage: 'in_triage',
  affected: 'exploitable',
  accepted: 'exploitable',
  not_affected: 'not_affected',
  false_positive: 'false_positive',
  fixed: 'resolved',
}

const justifications: Readonly<Record<Justification, CycloneDxJustification>> = {
  component_not_present: 'code_not_present',
  vulnerable_code_not_present: 'code_not_present',
  vulnerable_code_not_in_execute_path: 'code_not_reachable',
  vulnerable_code_cannot_be_controlled_by_adversary: 'requires_environment',
  inline_mitigations_already_exist: 'protected_by_mitigating_control',
}

/** Writes a CycloneDX 1.6 document: images as containers with the packages in them, and an analysis for each decision. */
export function writeCycloneDxVex({ subject, author, namespace, version, lastAt, decisions }: VexExport): Json {
  const groups = groupedBy(decisions, (decision) => [decision.vulnerability, ...sayingOf(decision)])
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${textHash(`${namespace}/vex/${subject}`)}`,
    version,
    metadata: {
      timestamp: lastAt.toISOString(),
      tools: { components: [{ type: 'application', name: 'Pharos' }] },
      authors: [{ name: author }],
    },
    components: groupedBy(decisions, ({ image }) => image.digest).flatMap(containerOf),
    vulnerabilities: groups.flatMap(vulnerabilityOf),
  }
}

function containerOf(inImage: readonly ExportedDecision[]): Json[] {
  const [first] = inImage
  if (first === undefined) return []
  const { image } = first
  const [purl] = imagePurls(image)
  const packages = new Map(inImage.map((decision) => [decision.package.purl, decision.package]))
  return [
    {
      type: 'container',
      'bom-ref': image.digest,
      name: image.repositories[0] ?? image.digest,
      version: image.digest,
      ...(purl === undefined ? {} : { purl }),
      hashes: [{ alg: 'SHA-256', content: imageHash(image) }],
      components: [...packages.values()].map((found) => ({
        type: 'library',
        'bom-ref': refOf(image, found.purl),
        name: found.name,
        version: found.version,
        purl: found.purl,
      })),
    },
  ]
}

const refOf = ({ digest }: ExportedImage, purl: string): string => `${digest}|${purl}`

function vulnerabilityOf(same: readonly ExportedDecision[]): Json[] {
  const [first] = same
  if (first === undefined) return []
  const { vulnerability, aliases, status, justification, impactStatement, comment, response, original, at } = first
  const isExplained = status === 'not_affected' || status === 'false_positive'
  const detail = isExplained ? impactStatement : comment
  const properties = [
    { name: statusProperty, value: status },
    ...(justification === null ? [] : [{ name: justificationProperty, value: justification }]),
    ...(isExplained && comment !== null ? [{ name: commentProperty, value: comment }] : []),
  ]
  const given = CycloneDxJustification.safeParse(original?.justification).data
  return [
    {
      'bom-ref': textHash(JSON.stringify([vulnerability, ...sayingOf(first)])),
      id: vulnerability,
      source: sourceOf(vulnerability),
      ...(aliases.length === 0 ? {} : { references: aliases.map((id) => ({ id, source: sourceOf(id) })) }),
      analysis: {
        state: states[status],
        ...(justification === null ? {} : { justification: given ?? justifications[justification] }),
        ...(response.length === 0 ? {} : { response }),
        ...(detail === null ? {} : { detail }),
        firstIssued: at.toISOString(),
        lastUpdated: at.toISOString(),
      },
      affects: [...new Set(same.map((decision) => refOf(decision.image, decision.package.purl)))].map((ref) => ({ ref })),
      properties,
    },
  ]
}

/** Whoever gives out ids of this form. */
function sourceOf(id: string): { name: string } {
  if (id.startsWith('CVE-')) return { name: 'NVD' }
  return { name: id.startsWith('GHSA-') ? 'GitHub Advisory Database' : (id.split('-')[0] ?? id) }
}
