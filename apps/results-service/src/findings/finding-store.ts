import { Injectable } from '@nestjs/common'
import type { EngineName } from '@pharos/contracts'
import { rows } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { plainArray } from '../ingest/array-parameter.js'
import { engineCode } from '../inventory/column-codes.js'
import { diffFindings, type FindingDiff, type FindingFacts, type ReportedFinding, type StoredFinding } from './finding-diff.js'
import { findingId, idPrefix, idRange } from './finding-identity.js'
import { countFindings, type FindingCounts, SummaryStore } from './summary-store.js'

/** Why findings changed. */
export type FindingCause = 'scan' | 'database' | 'engine' | 'catalogue' | 'alias'

/** The findings of one engine in one report. */
export interface FindingReport {
  readonly image: { readonly id: number; readonly digest: string }
  readonly engine: EngineName
  readonly reported: readonly ReportedFinding[]
  /** Only a complete result closes what it does not show. */
  readonly isWhole: boolean
  /** When the engine last had a good result; null at the first one, whose findings make no events. */
  readonly formerScanAt: Date | null
  readonly at: Date
  readonly runId: string
  readonly cause: FindingCause
}

interface FindingRow {
  id: string
  occurrence: string
  group_id: string
  package_id: string
  vulnerability_id: string
  match_id: string
  severity: number
  fix_state: number
  risk: number
  is_kev: boolean
  is_suppressed: boolean
  is_open: boolean
  last_seen_at: Date | null
}

/** Findings of vulnerabilities. Rows are written here alone, under the lock of their image. */
@Injectable()
export class FindingStore {
  constructor(private readonly summaries: SummaryStore) {}

  /** Makes the stored findings equal to the report's, as far as it may, and sums them up; unchanged ones are not touched. */
  async store(tx: Transaction, report: FindingReport): Promise<{ counts: FindingCounts; appeared: number; gone: number }> {
    const stored = report.formerScanAt === null ? [] : await this.load(tx, report)
    const diff = diffFindings(report.reported, stored, report.isWhole)
    const ids = await this.insert(tx, report, diff.appeared, new Set(stored.map(({ id }) => id)))
    await this.update(tx, diff)
    await this.close(tx, report, [...diff.gone, ...diff.duplicates])
    await this.markUnseen(tx, report, diff.unseen)
    if (report.formerScanAt !== null) await this.recordEvents(tx, report, diff, ids)
    const counts = countFindings(diff.open)
    await this.summaries.store(tx, report.image.id, report.engine, counts)
    return { counts, appeared: diff.appeared.length + diff.reopened.length, gone: diff.gone.length }
  }

  private async load(tx: Transaction, { image, engine }: FindingReport): Promise<StoredFinding[]> {
    const found = await rows<FindingRow>(
      tx,
      `select f.id, f.occurrence, v.group_id, f.package_id, f.vulnerability_id, f.match_id, f.severity, f.fix_state, f.is_kev, f.is_suppressed, f.is_open, f.last_seen_at, coalesce(s.risk, 0) as risk
         from finding f join vulnerability v on v.id = f.vulnerability_id left join vulnerability_score s on s.vulnerability_id = f.vulnerability_id
        where f.id between $1 and $2 and f.image_id = $3 and f.engine = $4`,
      [...idRange(image.digest), image.id, engineCode(engine)],
    )
    return found.map((row) => ({
      id: row.id,
      occurrence: row.occurrence,
      groupId: Number(row.group_id),
      packageId: Number(row.package_id),
      vulnerabilityId: Number(row.vulnerability_id),
      matchId: Number(row.match_id),
      severity: row.severity,
      fixState: row.fix_state,
      risk: row.risk,
      isKev: row.is_kev,
      isSuppressed: row.is_suppressed,
      isOpen: row.is_open,
      lastSeenAt: row.last_seen_at?.toISOString() ?? null,
    }))
  }

  private async insert(
    tx: Transaction,
    { image, engine, at }: FindingReport,
    appeared: readonly ReportedFinding[],
    taken: Set<string>,
  ): Promise<string[]> {
    if (appeared.length === 0) return []
    const prefix = idPrefix(image.digest)
    const ids = appeared.map(({ occurrence, groupSeed }) => {
      for (let salt = 0; ; salt += 1) {
        const id = findingId({ imageDigest: image.digest, occurrence, groupSeed, engine }, prefix, salt)
        if (taken.has(id)) continue
        taken.add(id)
        return id
      }
    })
    await tx.query(
      `insert into finding (id, image_id, engine, first_seen_at, occurrence, package_id, vulnerability_id, match_id, severity, fix_state, is_kev)
       select i, $1, $2, $3, o, p, v, m, s, f, k
         from unnest($4::uuid[], $5::uuid[], $6::int8[], $7::int8[], $8::int8[], $9::int2[], $10::int2[], $11::bool[]) as t(i, o, p, v, m, s, f, k) order by i`,
      [
        image.id,
        engineCode(engine),
        at,
        plainArray(ids),
        plainArray(appeared.map(({ occurrence }) => occurrence)),
        ...factColumns(appeared),
      ],
    )
    return ids
  }

  private async update(tx: Transaction, { changed, reopened }: FindingDiff): Promise<void> {
    const items = [...changed, ...reopened]
    if (items.length === 0) return
    await tx.query(
      `update finding set is_open = true, last_seen_at = null, package_id = p, vulnerability_id = v, match_id = m, severity = s, fix_state = f, is_kev = k
         from unnest($1::uuid[], $2::int8[], $3::int8[], $4::int8[], $5::int2[], $6::int2[], $7::bool[]) as t(i, p, v, m, s, f, k)
        where id = t.i`,
      [plainArray(items.map(({ stored }) => stored.id)), ...factColumns(items.map(({ now }) => now))],
    )
  }

  private async close(tx: Transaction, { formerScanAt }: FindingReport, gone: readonly StoredFinding[]): Promise<void> {
    if (gone.length === 0) return
    await tx.query('update finding set is_open = false, last_seen_at = coalesce(last_seen_at, $2) where id = any ($1::uuid[])', [
      plainArray(gone.map(({ id }) => id)),
      formerScanAt,
    ])
  }

  private async markUnseen(tx: Transaction, { formerScanAt }: FindingReport, unseen: readonly StoredFinding[]): Promise<void> {
    if (unseen.length === 0) return
    await tx.query('update finding set last_seen_at = $2 where id = any ($1::uuid[])', [
      plainArray(unseen.map(({ id }) => id)),
      formerScanAt,
    ])
  }

  private async recordEvents(tx: Transaction, report: FindingReport, diff: FindingDiff, appearedIds: readonly string[]): Promise<void> {
    const events = [
      ...[...appearedIds, ...diff.reopened.map(({ stored }) => stored.id)].map((id) => ({ id, kind: 'appeared', cause: report.cause })),
      ...diff.changed.filter(({ isNews }) => isNews).map(({ stored }) => ({ id: stored.id, kind: 'changed', cause: report.cause })),
      ...diff.gone.map(({ id }) => ({ id, kind: 'gone', cause: report.cause })),
      ...diff.duplicates.map(({ id }) => ({ id, kind: 'gone', cause: 'alias' })),
    ]
    if (events.length === 0) return
    await tx.query(
      `insert into finding_event (image_id, run_id, at, finding_id, kind, cause) select $1, $2, $3, i, k, c from unnest($4::uuid[], $5::text[], $6::text[]) as t(i, k, c)`,
      [
        report.image.id,
        report.runId,
        report.at,
        plainArray(events.map(({ id }) => id)),
        plainArray(events.map(({ kind }) => kind)),
        plainArray(events.map(({ cause }) => cause)),
      ],
    )
  }
}

function factColumns(facts: readonly FindingFacts[]): string[] {
  return [
    plainArray(facts.map(({ packageId }) => packageId)),
    plainArray(facts.map(({ vulnerabilityId }) => vulnerabilityId)),
    plainArray(facts.map(({ matchId }) => matchId)),
    plainArray(facts.map(({ severity }) => severity)),
    plainArray(facts.map(({ fixState }) => fixState)),
    plainArray(facts.map(({ isKev }) => isKev)),
  ]
}
