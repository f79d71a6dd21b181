import type { FacetsAnswer, Finding, FleetPackage, ImagePackage, VulnerabilityImage } from '@pharos/contracts'
import { table } from './output.js'
import { shortDigest, shorten } from './terminal-text.js'

/** Findings of several images, one line each. */
export function fleetFindingTable(findings: readonly Finding[]): string {
  if (findings.length === 0) return 'No findings.\n'
  return table(
    ['RISK', 'SEVERITY', 'VULNERABILITY', 'PACKAGE', 'VERSION', 'FIXED IN', 'KEV', 'BY', 'STATUS', 'IMAGE', 'RUNS'],
    findings.map((finding) => [
      finding.risk.toFixed(1),
      finding.vulnerability.severity,
      finding.vulnerability.id,
      shorten(finding.package.name, 36),
      shorten(finding.package.version, 24),
      finding.fix.state === 'fixed' ? shorten(finding.fix.versions.join(', '), 24) : finding.fix.state,
      finding.vulnerability.kev === null ? '' : 'yes',
      (finding.reportedBy ?? []).map(({ engine }) => engine).join('+') || finding.engine,
      finding.decision?.status ?? (finding.state === 'gone' ? 'gone' : ''),
      shorten(finding.image?.references[0] ?? shortDigest(finding.image?.digest ?? '-'), 48),
      String(finding.image?.workloadCount ?? 0),
    ]),
  )
}

/** Packages of all images, one line each. */
export function fleetPackageTable(packages: readonly FleetPackage[]): string {
  if (packages.length === 0) return 'No packages.\n'
  return table(
    ['TYPE', 'NAME', 'VERSION', 'IMAGES', 'VULNERABILITIES'],
    packages.map((item) => [
      item.type,
      shorten(item.name, 48),
      shorten(item.version, 32),
      `${item.images.count}${item.images.isCapped ? '+' : ''}`,
      String(item.vulnerabilities),
    ]),
  )
}

/** Packages of one image, one line each. */
export function packageTable(packages: readonly ImagePackage[]): string {
  return table(
    ['TYPE', 'NAME', 'VERSION', 'LICENCES', 'PATH'],
    packages.map((item) => [
      item.type,
      shorten(item.name, 48),
      shorten(item.version, 32),
      shorten(item.licenses.join(', '), 32),
      shorten(item.locations[0]?.path ?? '', 60),
    ]),
  )
}

/** Images that a vulnerability affects, one line each. */
export function vulnerableImageTable(images: readonly VulnerabilityImage[]): string {
  if (images.length === 0) return 'No images.\n'
  return table(
    ['DIGEST', 'IMAGE', 'PACKAGES', 'RUNS AS'],
    images.map((image) => {
      const running = image.workloads.slice(0, 3).map((one) => `${one.cluster}/${one.namespace}/${one.name}`)
      const rest = image.workloadCount - running.length
      return [
        shortDigest(image.digest),
        shorten(image.references[0] ?? '-', 48),
        [...new Set(image.packages.map((item) => `${item.name}@${item.version}`))].join(', '),
        `${running.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}` || '-',
      ]
    }),
  )
}

/** Counts of findings by value. */
export function facetTable(answer: FacetsAnswer): string {
  const rows = answer.facets.flatMap(({ field, values, hasMore }) => [
    ...values.map(({ value, count }) => [field, shorten(value, 60), String(count)]),
    ...(hasMore ? [[field, '…', '']] : []),
  ])
  return rows.length === 0 ? 'No findings.\n' : table(['FIELD', 'VALUE', 'FINDINGS'], rows)
}
