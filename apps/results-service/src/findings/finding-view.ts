import type { Finding, FindingReporter } from '@pharos/contracts'
import { decisionStatuses } from '@pharos/contracts'
import { isFromBase } from '../base-images/layer-chain.js'
import { engineOf, fixStateOf, severityOf } from '../inventory/column-codes.js'
import { originalText } from '../inventory/stored-text.js'
import { packageRefOf } from '../packages/package-view.js'
import { vulnerabilityOf } from '../vulnerabilities/vulnerability-view.js'
import { differencesOf } from './finding-differences.js'
import { publicFindingId } from './finding-identity.js'
import type { EngineResult, FindingImageRow, FindingRow, OtherAdvisoryRow, ReporterRow } from './findings.repository.js'

/** Severity and fix state are those of the image's last scan; the texts are those of the vulnerability and match as they are now. */
export function findingOf(row: FindingRow, image: FindingImageRow | undefined, allowed: NonNullable<Finding['allowed']>): Finding {
  const { fixVersions, fixAvailable, details } = row.match_body
  const results = image?.results ?? []
  const reporters = [row, ...(row.reporters ?? [])].sort((one, other) => one.engine - other.engine)
  return {
    id: publicFindingId('f', row.id),
    kind: 'vulnerability',
    engine: engineOf(row.engine),
    vulnerability: { ...vulnerabilityOf(row), severity: severityOf(row.severity) },
    ...(row.others === null ? {} : { alsoReportedAs: row.others.map(otherAdvisoryOf) }),
    risk: row.risk,
    fix: { state: fixStateOf(row.fix_state), versions: fixVersions, available: fixAvailable },
    package: packageRefOf(row),
    locations: row.occurrence_detail?.locations ?? [],
    state: row.is_open ? 'open' : 'gone',
    firstSeenAt: row.first_seen_at.toISOString(),
    lastSeenAt: lastSeenOf(row, results, row.first_seen_at),
    matchDetails: details,
    ...(image === undefined ? {} : { image: imageOf(image), layer: layerOf(row, image) }),
    decision: decisionOf(row),
    isSuppressed: row.is_suppressed,
    allowed,
    reportedBy: reporters.map((reporter) => reporterOf(reporter, results, row.first_seen_at)),
    differences: differencesOf(reporters, results),
  }
}

/** While the newest good result shows it, that result's time is when it was last seen. */
function lastSeenOf(row: ReporterRow, results: readonly EngineResult[], otherwise: Date): string {
  const moment = row.last_seen_at ?? results.find(({ engine }) => engine === row.engine)?.scanned_at ?? otherwise
  return new Date(moment).toISOString()
}

function imageOf(row: FindingImageRow): NonNullable<Finding['image']> {
  return {
    digest: row.digest,
    references: row.references.map(originalText),
    platform: originalText(row.platform),
    workloadCount: row.workload_count,
  }
}

function layerOf(row: FindingRow, image: FindingImageRow): Finding['layer'] {
  const diffId = row.occurrence_detail?.locations[0]?.layer ?? null
  if (diffId === null) return null
  const position = image.diff_ids.indexOf(diffId)
  if (position < 0) return { diffId, position: null, isFromBase: null }
  return { diffId, position, isFromBase: isFromBase(position, image.base_layer_count) }
}

function decisionOf(row: FindingRow): Finding['decision'] {
  const status = decisionStatuses.find((known) => known === row.decision_status)
  if (status === undefined || row.decided_at === null) return null
  return { status, by: row.decided_by ?? '', at: row.decided_at.toISOString() }
}

function reporterOf(row: ReporterRow, results: readonly EngineResult[], firstSeenAt: Date): FindingReporter {
  const result = results.find(({ engine }) => engine === row.engine)
  const { schemaVersion = '', builtAt = null, checksum = null } = result?.database ?? {}
  return {
    id: publicFindingId('f', row.id),
    engine: engineOf(row.engine),
    nativeId: originalText(row.native_id),
    namespace: originalText(row.namespace),
    severity: severityOf(row.severity),
    severityGiven: originalText(row.severity_given),
    risk: row.risk,
    fix: { state: fixStateOf(row.fix_state), versions: row.match_body.fixVersions },
    isSuppressed: row.is_suppressed,
    lastConfirmed: {
      at: lastSeenOf(row, results, firstSeenAt),
      engineVersion: result?.engine_version ?? null,
      database: result?.database === undefined || result.database === null ? null : { schemaVersion, builtAt, checksum },
    },
  }
}

function otherAdvisoryOf(row: OtherAdvisoryRow): NonNullable<Finding['alsoReportedAs']>[number] {
  return {
    nativeId: originalText(row.native_id),
    namespace: originalText(row.namespace),
    severityGiven: originalText(row.severity_given),
    fix: { state: fixStateOf(row.fix_state), versions: row.match_body.fixVersions },
  }
}
