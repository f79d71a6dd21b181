import type { ImageVerdict } from '@pharos/contracts'
import { engineOf } from '../inventory/column-codes.js'
import type { EngineSummaryRow } from './images.repository.js'

/** What a verdict needs to know of an image itself. */
export interface VerdictCoverage {
  readonly isCatalogued: boolean
  readonly packageCount: number
  /** Files that the cataloguer could not read. */
  readonly unreadableFiles: number
}

type Reason = ImageVerdict['reasons'][number]

const hourMs = 3_600_000

function ageText(ms: number): string {
  return ms >= 48 * hourMs ? `${Math.floor(ms / (24 * hourMs))} days` : `${Math.floor(ms / hourMs)} hours`
}

/** Open findings that are not suppressed, which is what the counts of a summary hold. */
function openFindings(row: EngineSummaryRow): number {
  return row.finding_count ?? 0
}

/**
 * The verdict on an image. Nothing that is missing, failed or old ever makes it clean: `clean` needs a complete result of an
 * engine, a current database, and a catalogue without gaps. One engine with all of this is enough; what others lack is a reason
 * that is told beside it.
 */
export function verdictOf(coverage: VerdictCoverage, engines: readonly EngineSummaryRow[], nowMs: number, maxAgeMs: number): ImageVerdict {
  const judged = engines.map((row) => judge(row, nowMs, maxAgeMs))
  const gaps = gapsOf(coverage)
  const reasons = [
    ...(engines.length === 0 ? [{ code: 'no-result' as const, detail: 'No engine has judged the image.' }] : []),
    ...gaps,
    ...judged.flatMap((one) => one.reasons),
  ]
  const isVulnerable = judged.some(({ engine }) => engine.openFindings > 0)
  const isClean = gaps.length === 0 && judged.some((one) => one.reasons.length === 0)
  return { status: isVulnerable ? 'vulnerable' : isClean ? 'clean' : 'unknown', reasons, engines: judged.map(({ engine }) => engine) }
}

function gapsOf({ isCatalogued, packageCount, unreadableFiles }: VerdictCoverage): Reason[] {
  if (!isCatalogued) return [{ code: 'not-catalogued', detail: 'What is in the image is not known.' }]
  return [
    ...(packageCount === 0
      ? [{ code: 'no-packages' as const, detail: 'No package was found in the image, so there was nothing to match.' }]
      : []),
    ...(unreadableFiles > 0 ? [{ code: 'unreadable-files' as const, detail: `${unreadableFiles} files could not be read.` }] : []),
  ]
}

function judge(row: EngineSummaryRow, nowMs: number, maxAgeMs: number): { engine: ImageVerdict['engines'][number]; reasons: Reason[] } {
  const engine = engineOf(row.engine)
  const builtAt = row.database?.builtAt ?? null
  const ageMs = builtAt === null ? null : Math.max(0, nowMs - Date.parse(builtAt))
  const isStale = ageMs === null || ageMs > maxAgeMs
  const reasons: Reason[] = []
  const add = (code: Reason['code'], detail: string) => reasons.push({ code, engine, detail })
  if (!row.has_good_result) add('no-result', `${engine} has not completed.`)
  else if (row.status !== 'complete') add('partial-result', `The result of ${engine} is ${row.status}.`)
  if (row.has_good_result && row.last_attempt_failed) add('last-scan-failed', `The last scan by ${engine} failed; this is the one before.`)
  if (row.has_good_result && ageMs === null) add('database-age-unknown', `The age of the database of ${engine} is not known.`)
  else if (row.has_good_result && ageMs !== null && isStale)
    add('database-stale', `The database of ${engine} is ${ageText(ageMs)} old; the limit is ${ageText(maxAgeMs)}.`)
  if (row.database?.isSample === true) add('database-sample', `The database of ${engine} is a sample: what it finds are examples.`)
  return {
    engine: {
      engine,
      status: row.status,
      openFindings: openFindings(row),
      databaseAgeHours: ageMs === null ? null : Math.floor(ageMs / hourMs),
      isStale,
    },
    reasons,
  }
}
