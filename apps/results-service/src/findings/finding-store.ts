import { Injectable } from '@nestjs/common'
import type { EngineName } from '@pharos/contracts'
import { rows } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { DecisionRules } from '../decisions/decision-rules.js'
import { codeArray, idArray, plainArray } from '../ingest/array-parameter.js'
import { engineCode } from '../inventory/column-codes.js'
import { textHash } from '../inventory/content-hash.js'
import { diffFindings, type FindingDiff, type FindingFacts, type ReportedFinding, type StoredFinding } from './finding-diff.js'
import { findingId, idPrefix, idRange } from './finding-identity.js'
import { countFindings, SummaryStore } from './summary-store.js'

/** Why findings changed. */
export type FindingCause = 'scan' | 'database' | 'engine' | 'catalogue' | 'alias'

/** What is known of an engine's findings before a report. */
export interface FormerFindings {
  readonly scannedAt: Date
  /** Of the findings that the last result showed; null when it was not whole. */
  readonly findingsHash: string | null
  /** Open findings, with and without those that a decision suppresses. */
  readonly open: { readonly all: number; readonly counted: number }
}

/** What became of the findings of a report. */
export interface StoredFindings {
  /** Open and not suppressed. */
  readonly findingCount: number
  readonly appeared: number
  readonly gone: number
  /** Of the findings that the report shows; null when it is not whole. */
  readonly hash: string | null
}

/** The findings of one engine in one report. */
export interface FindingReport {
  readonly image: { readonly id: number; readonly digest: string }
  readonly engine: EngineName
  readonly reported: readonly ReportedFinding[]
  /** Only a complete result closes what it does not show. */
  readonly isWhole: boolean
  /** The engine's last good result; null at the first one, whose findings make no events. */
  readonly former: FormerFindings | null
  readonly at: Date
  readonly runId: string
  readonly cause: FindingCause
  /** Of the database that the report was made with; null where Pharos does not manage it. */
  readonly generationId: string | null
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
  constructor(
    private readonly summaries: SummaryStore,
    private readonly decisions: DecisionRules,
  ) {}

  /** Decides about what was stored of an image, by the statements that are about it; comes after `store` for all engines of a report. */
  async decide(tx: Transaction, imageId: number, at: Date): Promise<void> {
    await this.decisions.applyToImages(tx, [imageId], at)
  }

  /** Makes the stored findings equal to the report's, as far as it may, and sums them up; unchanged ones are not touched. */
  async store(tx: Transaction, report: FindingReport): Promise<StoredFindings> {
    const { former } = report
    const hash = report.isWhole ? findingsHash(report) : null
    if (hash !== null && hash === former?.findingsHash) return { findingCount: former.open.counted, appeared: 0, gone: 0, hash }
    const stored = former === null ? [] : await this.load(tx, report)
    const diff = diffFindings(report.reported, stored, report.isWhole)
    const ids = await this.insert(tx, report, diff.appeared, new Set(stored.map(({ id }) => id)))
    await this.update(tx, diff)
    await this.close(tx, report, [...diff.gone, ...diff.duplicates])
    await this.markUnseen(tx, report, diff.unseen)
    if (former !== null) await this.recordEvents(tx, report, diff, ids)
    const counts = countFindings(diff.open, diff.suppressed.length)
    await this.summaries.store(tx, report.image.id, report.engine, counts)
    return { findingCount: counts.total, appeared: diff.appeared.length + diff.reopened.length, gone: diff.gone.length, hash }
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
       select unnest($4::uuid[]), $1::int8, $2::int2, $3::timestamptz, unnest($5::uuid[]), unnest($6::int8[]), unnest($7::int8[]), unnest($8::int8[]), unnest($9::int2[]), unnest($10::int2[]), unnest($11::bool[])`,
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

  private async close(tx: Transaction, { former }: FindingReport, gone: readonly StoredFinding[]): Promise<void> {
    if (gone.length === 0) return
    await tx.query('update finding set is_open = false, last_seen_at = coalesce(last_seen_at, $2) where id = any ($1::uuid[])', [
      plainArray(gone.map(({ id }) => id)),
      former?.scannedAt ?? null,
    ])
  }

  private async markUnseen(tx: Transaction, { former }: FindingReport, unseen: readonly StoredFinding[]): Promise<void> {
    if (unseen.length === 0) return
    await tx.query('update finding set last_seen_at = $2 where id = any ($1::uuid[])', [
      plainArray(unseen.map(({ id }) => id)),
      former?.scannedAt ?? null,
    ])
  }

  /** Both sides of each change are told: with what stood before, a past moment can be told from the rows of today. */
  private async recordEvents(tx: Transaction, report: FindingReport, diff: FindingDiff, appearedIds: readonly string[]): Promise<void> {
    const { cause } = report
    const all: FindingEvent[] = [
      ...diff.appeared.map((now, position) => ({ id: appearedIds[position] ?? '', kind: 'appeared', cause, before: null, now })),
      ...diff.reopened.map(({ stored, now }) => ({ id: stored.id, kind: 'appeared', cause, before: stored, now })),
      ...diff.changed.map(({ stored, now, isNews }) => ({ id: stored.id, kind: 'changed', cause, before: stored, now, isNews })),
      ...diff.gone.map((stored) => ({ id: stored.id, kind: 'gone', cause, before: stored, now: null })),
      ...diff.duplicates.map((stored) => ({ id: stored.id, kind: 'gone', cause: 'alias', before: stored, now: null })),
    ]
    // Another row of the package is worth an event only when its version was read otherwise.
    const events = all.filter(({ isNews, before, now }) => isNews !== false || before?.packageId !== now?.packageId)
    if (events.length === 0) return
    await tx.query(
      `insert into finding_event (image_id, run_id, at, generation_id, finding_id, kind, cause, before_severity, before_fix_state, before_is_kev, severity, fix_state, is_kev, before_package_id)
       select $1, $2, $3, $4, i, k, c, bs, bf, bk, s, f, kev, bp
         from unnest($5::uuid[], $6::text[], $7::text[], $8::int2[], $9::int2[], $10::bool[], $11::int2[], $12::int2[], $13::bool[], $14::int8[], $15::int8[], $16::bool[])
              as t(i, k, c, bs, bf, bk, s, f, kev, bp, p, news)
        where news or (select b.version <> a.version from package b, package a where b.id = bp and a.id = p)`,
      [
        report.image.id,
        report.runId,
        report.at,
        report.generationId,
        plainArray(events.map(({ id }) => id)),
        plainArray(events.map(({ kind }) => kind)),
        plainArray(events.map((event) => event.cause)),
        ...newsColumns(events.map(({ before }) => before)),
        ...newsColumns(events.map(({ now }) => now)),
        plainArray(events.map(({ before }) => before?.packageId ?? null)),
        plainArray(events.map(({ now }) => now?.packageId ?? null)),
        plainArray(events.map(({ isNews }) => isNews !== false)),
      ],
    )
  }
}

interface FindingEvent {
  readonly id: string
  readonly kind: string
  readonly cause: string
  readonly before: FindingFacts | null
  readonly now: FindingFacts | null
  /** false: neither severity, fix nor KEV changed. */
  readonly isNews?: boolean
}

/** The facts whose change is worth an event. */
function newsColumns(facts: readonly (FindingFacts | null)[]): string[] {
  return [
    plainArray(facts.map((item) => item?.severity ?? null)),
    plainArray(facts.map((item) => item?.fixState ?? null)),
    plainArray(facts.map((item) => item?.isKev ?? null)),
  ]
}

function factColumns(facts: readonly FindingFacts[]): (string | Buffer)[] {
  return [
    idArray(facts.map(({ packageId }) => packageId)),
    idArray(facts.map(({ vulnerabilityId }) => vulnerabilityId)),
    idArray(facts.map(({ matchId }) => matchId)),
    codeArray(facts.map(({ severity }) => severity)),
    codeArray(facts.map(({ fixState }) => fixState)),
    plainArray(facts.map(({ isKev }) => isKev)),
  ]
}

/**
 * Hash of everything that a whole report says of findings, in terms of what is stored: when the last whole report said the same
 * in the same generation, its findings stand as it left them. Alias groups are part of it, so that groups that merged are seen; a
 * re-match moves a result to another generation.
 */
function findingsHash({ reported, generationId }: FindingReport): string {
  const lines = reported.map(
    (finding) =>
      `${finding.occurrence} ${finding.packageId} ${finding.vulnerabilityId} ${finding.matchId} ${finding.groupId} ${finding.severity} ${finding.fixState} ${finding.risk} ${finding.isKev ? 1 : 0}`,
  )
  return textHash(`${generationId}\n${lines.join('\n')}`)
}
