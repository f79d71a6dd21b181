import type { EngineSummary, Finding, ImageDetail, ImageSummary, ScanTask } from '@pharos/contracts'
import { facts, table } from './output.js'
import { ageText, byteText, shortDigest, shorten } from './terminal-text.js'

function severityCells(engine: EngineSummary | undefined): string[] {
  if (engine === undefined) return ['-', '-', '-', '-']
  const { critical, high, medium, low } = engine.counts
  return [critical, high, medium, low].map(String)
}

/** One word on how far an image's results can be trusted. */
function resultText(engines: readonly EngineSummary[]): string {
  if (engines.length === 0) return 'not scanned'
  if (engines.some((engine) => engine.lastAttemptFailed)) return 'stale'
  const status = engines.every((engine) => engine.status === 'complete')
    ? 'complete'
    : (engines.find((engine) => engine.status !== 'complete')?.status ?? 'partial')
  if (engines.some((engine) => engine.database?.isSample)) return `${status}, sample database`
  return engines.some((engine) => engine.database?.isStale) ? `${status}, old database` : status
}

/** Images with their counts. */
export function imageTable(images: readonly ImageSummary[], nowMs: number): string {
  if (images.length === 0) return 'No images.\n'
  const rows = images.map((image) => {
    const first = image.engines[0]
    return [
      shortDigest(image.digest),
      shorten(image.references[0] ?? '-', 56),
      image.platform,
      image.distro ?? '-',
      String(image.packageCount),
      ...severityCells(first),
      image.verdict?.status ?? '-',
      resultText(image.engines),
      ageText(image.lastScannedAt, nowMs),
    ]
  })
  return table(['DIGEST', 'IMAGE', 'PLATFORM', 'DISTRO', 'PACKAGES', 'CRIT', 'HIGH', 'MED', 'LOW', 'VERDICT', 'RESULT', 'SCANNED'], rows)
}

/** Findings, one line each. */
export function findingTable(findings: readonly Finding[]): string {
  if (findings.length === 0) return 'No open findings.\n'
  return table(
    ['RISK', 'SEVERITY', 'VULNERABILITY', 'PACKAGE', 'VERSION', 'TYPE', 'FIXED IN', 'KEV'],
    findings.map((finding) => [
      finding.risk.toFixed(1),
      finding.vulnerability.severity,
      finding.vulnerability.id,
      shorten(finding.package.name, 40),
      shorten(finding.package.version, 28),
      finding.package.type,
      finding.fix.state === 'fixed' ? shorten(finding.fix.versions.join(', '), 28) : finding.fix.state,
      finding.vulnerability.kev === null ? '' : 'yes',
    ]),
  )
}

/** One image, with what each engine said. */
export function imageFacts(image: ImageDetail, nowMs: number): string {
  return facts([
    ['Digest', image.digest],
    ['References', image.references.join(', ') || '-'],
    ['Platform', image.platform],
    ['Distro', image.distro ?? '-'],
    ['Size', byteText(image.sizeBytes)],
    ['Packages', String(image.packageCount)],
    ['Scanned', `${ageText(image.lastScannedAt, nowMs)} ago`],
    ...(image.verdict === undefined
      ? []
      : [['Verdict', [image.verdict.status, ...image.verdict.reasons.map(({ detail }) => detail)].join('; ')] as const]),
    ...image.engines.map((engine) => [`${engine.engine} ${engine.engineVersion ?? ''}`.trim(), engineText(engine)] as const),
    ...(image.catalogue?.unreadable.length
      ? [['Unreadable', image.catalogue.unreadable.map((file) => file.path).join(', ')] as const]
      : []),
  ])
}

function engineText(engine: EngineSummary): string {
  const { critical, high, medium, low, negligible, unknown } = engine.counts
  const database =
    engine.database === null
      ? 'no database'
      : `database of ${engine.database.builtAt ?? 'unknown age'}${engine.database.isSample ? ' (SAMPLE: findings are examples, not advice)' : ''}${engine.database.isStale ? ' (OLD)' : ''}`
  const reasons = engine.reasons.length === 0 ? '' : `; ${engine.reasons.map((reason) => reason.detail).join(' ')}`
  return `${engine.status}, ${critical} critical, ${high} high, ${medium} medium, ${low} low, ${negligible} negligible, ${unknown} unknown; ${engine.fixable} fixable; ${database}${reasons}`
}

/** Tasks, one line each. */
export function taskTable(tasks: readonly ScanTask[], nowMs: number): string {
  if (tasks.length === 0) return 'No scans.\n'
  return table(
    ['ID', 'IMAGE', 'STATE', 'PHASE', 'PRIORITY', 'SUBMITTED', 'REASON'],
    tasks.map((task) => [
      task.id,
      shorten(task.image, 60),
      task.state,
      task.phase,
      task.priority,
      ageText(task.submittedAt, nowMs),
      shorten(task.failure?.detail ?? '', 60),
    ]),
  )
}
