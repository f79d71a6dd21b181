import type { EngineName, Rematch, RematchReport } from '@pharos/contracts'
import { originalText } from '../inventory/stored-text.js'

/** A row of rematch, with the progress of its chunks. */
export interface RematchRow {
  id: string
  engine: EngineName
  generation_id: string
  former_generation_id: string | null
  cause: 'database' | 'manual'
  state: Rematch['state']
  is_paused: boolean
  is_narrowed: boolean
  /** Packages that were left out without a row of their own. */
  skipped_packages: number
  /** Rules of the search keys by which the difference of both databases has chosen packages; null when it has chosen none. */
  keys_version: string | null
  base_engine_version: string | null
  engine_version: string | null
  last_vulnerability_id: string
  round: number
  report: RematchReport | null
  problem: string | null
  started_at: Date
  compared_at: Date | null
  matched_at: Date | null
  ended_at: Date | null
}

/** Progress of a re-match that goes on. */
export interface RematchProgressRow {
  chunks: number
  ended: number
  failed: number
  matched: number
  skipped: number
  failed_units: number
  described: number
}

/** What a re-match counts before its switch: nothing of it is visible yet. */
export function preparedReport(row: RematchRow, progress: RematchProgressRow, now: Date): RematchReport {
  const { matched, skipped, failed_units: failed, described } = progress
  const matchingSeconds = secondsBetween(row.started_at, row.matched_at ?? row.ended_at ?? now)
  return {
    packages: { matched, skipped, failed },
    matches: { appeared: 0, gone: 0, changed: 0, changedFix: 0 },
    vulnerabilities: { described, changedSeverity: 0, changedKev: 0, epssCrossed: 0 },
    findings: { appeared: 0, gone: 0, changed: 0 },
    images: { affected: 0, covered: 0, rescanned: 0 },
    seconds: {
      matching: matchingSeconds,
      switching: 0,
      total: secondsBetween(row.started_at, row.ended_at ?? now),
      comparing: row.compared_at === null ? null : secondsBetween(row.started_at, row.compared_at),
    },
  }
}

/** A re-match as the API shows it. */
export function rematchOf(row: RematchRow, progress: RematchProgressRow, now: Date): Rematch {
  return {
    id: row.id,
    engine: row.engine,
    generationId: row.generation_id,
    formerGenerationId: row.former_generation_id,
    state: row.state,
    isPaused: row.is_paused,
    isNarrowed: row.is_narrowed,
    progress: { chunks: progress.chunks, ended: progress.ended, failed: progress.failed, round: row.round },
    problem: row.problem && originalText(row.problem),
    report: row.report ?? preparedReport(row, progress, now),
    startedAt: row.started_at.toISOString(),
    endedAt: row.ended_at?.toISOString() ?? null,
  }
}

/** Seconds, to the millisecond. */
export function secondsBetween(since: Date, until: Date): number {
  return Math.max(0, until.getTime() - since.getTime()) / 1000
}
