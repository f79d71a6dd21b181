import {
  compare,
  type EngineName,
  type EngineSummary,
  type FilterNode,
  type ImageDetail,
  type ImageSummary,
  type ImageVerdict,
  joinFilters,
  printFilter,
} from '@pharos/contracts'
import type { StoredCatalogue } from '../catalogues/catalogue-store.js'
import { engineOf, severities } from '../inventory/column-codes.js'
import { originalText } from '../inventory/stored-text.js'
import { outcomeOf } from './image-store.js'
import type { EngineSummaryRow, ImageDetailRow, ImageRow } from './images.repository.js'

/** An image as lists show it. */
export function imageSummaryOf(row: ImageRow, engines: readonly EngineSummaryRow[], verdict: ImageVerdict): ImageSummary {
  return {
    digest: row.digest,
    references: row.references.map(originalText),
    platform: originalText(row.platform),
    distro: row.distro && originalText(row.distro),
    sizeBytes: Number(row.size_bytes),
    packageCount: row.package_count,
    engines: engines.map(engineSummaryOf),
    workloadCount: row.workload_count,
    verdict,
    createdAt: row.created_at?.toISOString() ?? null,
    firstSeenAt: row.first_seen_at.toISOString(),
    lastScannedAt: row.last_scanned_at.getTime() === 0 ? null : row.last_scanned_at.toISOString(),
    deletedFromRegistryAt: row.deleted_from_registry_at?.toISOString() ?? null,
  }
}

/** Everything about an image but its findings and packages. */
export function imageDetailOf(
  row: ImageDetailRow,
  engines: readonly EngineSummaryRow[],
  verdict: ImageVerdict,
  catalogue: StoredCatalogue | null,
): ImageDetail {
  return {
    ...imageSummaryOf(row, engines, verdict),
    engines: engines.map((engine) => ({
      ...engineSummaryOf(engine),
      links: { findings: countFilters(row.digest, engineOf(engine.engine)) },
    })),
    mediaType: originalText(row.media_type),
    isDistroEndOfLife: row.is_distro_end_of_life,
    configDigest: row.config_digest,
    indexDigests: row.index_digests,
    layers: row.layers.map(({ digest, sizeBytes }, position) => ({ digest, diffId: row.diff_ids[position] ?? null, sizeBytes })),
    labels: row.labels,
    annotations: row.annotations,
    history: row.history,
    catalogue: catalogue && {
      ...catalogue.identity,
      createdAt: catalogue.createdAt.toISOString(),
      unreadable: row.cataloguer?.unreadable ?? [],
    },
  }
}

function engineSummaryOf(row: EngineSummaryRow): EngineSummary {
  return {
    ...outcomeOf(row),
    counts: {
      critical: row.critical ?? 0,
      high: row.high ?? 0,
      medium: row.medium ?? 0,
      low: row.low ?? 0,
      negligible: row.negligible ?? 0,
      unknown: row.unknown ?? 0,
    },
    fixable: row.fixable ?? 0,
    kev: row.kev ?? 0,
    suppressed: row.suppressed ?? 0,
    maxRisk: row.max_risk ?? 0,
    scannedAt: row.scanned_at.toISOString(),
    lastAttemptFailed: row.last_attempt_failed,
  }
}

/** The filters of findings that give the counts of an engine's summary again. */
function countFilters(digest: string, engine: EngineName): Record<string, string> {
  const of = (isSuppressed: boolean, ...more: FilterNode[]): string =>
    printFilter(
      joinFilters('and', [
        compare('image', '=', digest),
        compare('engine', '=', engine),
        compare('state', '=', 'open'),
        compare('suppressed', '=', isSuppressed),
        ...more,
      ]),
    )
  return {
    total: of(false),
    ...Object.fromEntries(severities.map((severity) => [severity, of(false, compare('severity', '=', severity))])),
    fixable: of(false, compare('fix', '=', 'fixed')),
    kev: of(false, compare('kev', '=', true)),
    suppressed: of(true),
  }
}
