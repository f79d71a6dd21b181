import { describe, expect, it } from 'vitest'
import { verdictOf } from './image-verdict.js'
import type { EngineSummaryRow } from './images.repository.js'

const now = Date.parse('2026-11-24T08:00:00Z')
const dayMs = 86_400_000
const whole = { isCatalogued: true, packageCount: 10, unreadableFiles: 0 }

function result(change: Partial<EngineSummaryRow> = {}): EngineSummaryRow {
  const database = { schemaVersion: 'v6', builtAt: new Date(now - dayMs).toISOString(), checksum: null, isSample: false, isStale: false }
  return {
    image_id: '1',
    engine: 1,
    status: 'complete',
    engine_version: '1',
    database,
    generation_id: null,
    reasons: [],
    scanned_at: new Date(now),
    has_good_result: true,
    last_attempt_failed: false,
    failed_reasons: [],
    finding_count: 0,
    critical: 0,
    high: 0,
    medium: 0,
    low: 0,
    negligible: 0,
    unknown: 0,
    fixable: 0,
    kev: 0,
    suppressed: 0,
    max_risk: 0,
    ...change,
  }
}

const database = (change: object) => ({ ...result().database, ...change }) as NonNullable<EngineSummaryRow['database']>
const verdict = (rows: EngineSummaryRow[], coverage = whole) => {
  const { status, reasons } = verdictOf(coverage, rows, now, 5 * dayMs)
  return [status, ...reasons.map(({ code }) => code)]
}

describe('the verdict on an image', () => {
  it.each([
    ['that an engine found nothing in, completely and with a current database', [result()], whole, ['clean']],
    ['with an open finding', [result({ finding_count: 1 })], whole, ['vulnerable']],
    ['whose findings are all suppressed', [result({ suppressed: 4 })], whole, ['clean']],
    ['that no engine has judged', [], whole, ['unknown', 'no-result']],
    [
      'of which an engine failed from the start',
      [result({ has_good_result: false, last_attempt_failed: true, status: 'failed', database: null })],
      whole,
      ['unknown', 'no-result'],
    ],
    ['with a partial result', [result({ status: 'partial' })], whole, ['unknown', 'partial-result']],
    ['whose last scan failed', [result({ last_attempt_failed: true })], whole, ['unknown', 'last-scan-failed']],
    [
      'judged by an old database',
      [result({ database: database({ builtAt: new Date(now - 6 * dayMs).toISOString() }) })],
      whole,
      ['unknown', 'database-stale'],
    ],
    [
      'judged by a database of unknown age',
      [result({ database: database({ builtAt: null }) })],
      whole,
      ['unknown', 'database-age-unknown'],
    ],
    ['judged by the sample database', [result({ database: database({ isSample: true }) })], whole, ['unknown', 'database-sample']],
    ['without any package', [result()], { ...whole, packageCount: 0 }, ['unknown', 'no-packages']],
    ['with files that could not be read', [result()], { ...whole, unreadableFiles: 2 }, ['unknown', 'unreadable-files']],
    ['that was never catalogued', [result()], { ...whole, isCatalogued: false }, ['unknown', 'not-catalogued']],
    ['with findings, and gaps beside them', [result({ finding_count: 2, status: 'partial' })], whole, ['vulnerable', 'partial-result']],
    [
      'that one engine calls clean while another failed',
      [result(), result({ engine: 2, last_attempt_failed: true })],
      whole,
      ['clean', 'last-scan-failed'],
    ],
    ['that one engine calls clean and another does not', [result(), result({ engine: 2, finding_count: 1 })], whole, ['vulnerable']],
  ] as const)('%s', (_sentence, rows, coverage, expected) => {
    expect(verdict([...rows], coverage)).toEqual(expected)
  })

  it('tells the age of each database', () => {
    expect(verdictOf(whole, [result(), result({ engine: 2, database: null })], now, 5 * dayMs).engines).toEqual([
      { engine: 'grype', status: 'complete', openFindings: 0, databaseAgeHours: 24, isStale: false },
      { engine: 'trivy', status: 'complete', openFindings: 0, databaseAgeHours: null, isStale: true },
    ])
  })
})
