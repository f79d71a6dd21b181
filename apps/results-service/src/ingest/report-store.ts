import { Injectable } from '@nestjs/common'
import {
  type EngineOutcome,
  type EngineReport,
  type EventBody,
  type GenerationRef,
  PharosError,
  type ReportAnswer,
  type ScanReport,
  vulnerabilityKey,
} from '@pharos/contracts'
import type { z } from 'zod'
import { type Clock, InjectClock } from '@pharos/service-kit'
import type { Transaction } from '../database/transaction.js'
import type { ReportedFinding } from '../findings/finding-diff.js'
import { occurrencesOf } from '../findings/finding-identity.js'
import { type FindingCause, FindingStore } from '../findings/finding-store.js'
import { IssueStore } from '../findings/issue-store.js'
import { EngineResultStore, type FormerResult } from '../images/engine-result-store.js'
import { engineCode, fixStateCode, severityCode } from '../inventory/column-codes.js'
import { MatchStore, matchKey } from '../vulnerabilities/match-store.js'
import {
  type ReportedVulnerability,
  type StoredVulnerability,
  storedRisk,
  VulnerabilityStore,
} from '../vulnerabilities/vulnerability-store.js'
import { type ReportedPackages, ReportImageStore } from './report-image-store.js'
import { timestampOrNull } from './timestamp.js'

/** A report, and whose it is. */
export interface ReportToStore {
  readonly report: ScanReport
  readonly run: { readonly id: string; readonly digest: string }
  readonly attempt: { readonly id: string }
  readonly activeGenerations: readonly GenerationRef[]
}

/** What came of a report. */
export interface StoredReport {
  readonly outcomes: EngineOutcome[]
  /** `succeeded` only when every engine is complete. */
  readonly state: 'succeeded' | 'partial'
  /** To be written in the same transaction. */
  readonly events: EventBody[]
  readonly outcome: z.infer<typeof ReportAnswer>['outcome']
}

/** What the engines of one report share while it is stored. */
interface Ingest {
  readonly tx: Transaction
  readonly image: { readonly id: number; readonly digest: string }
  readonly runId: string
  readonly at: Date
  readonly packages: ReportedPackages
  readonly vulnerabilities: ReadonlyMap<string, StoredVulnerability>
  readonly former: ReadonlyMap<string, FormerResult>
  readonly generations: readonly GenerationRef[]
}

const isGood = ({ status }: EngineReport): boolean => status === 'complete' || status === 'partial'

/**
 * Stores a worker's report, set by set: shared facts first, in the order packages, vulnerabilities, matches and each in the
 * order of its keys, so that parallel reports wait for each other and never lock each other out. Storing it twice changes
 * nothing. Only a complete engine result closes findings.
 */
@Injectable()
export class ReportStore {
  constructor(
    private readonly images: ReportImageStore,
    private readonly vulnerabilities: VulnerabilityStore,
    private readonly matches: MatchStore,
    private readonly findings: FindingStore,
    private readonly issues: IssueStore,
    private readonly results: EngineResultStore,
    @InjectClock() private readonly clock: Clock,
  ) {}

  /** Runs in the caller's transaction. Throws `report-invalid` for a report of another image, or whose parts do not fit together. */
  async store(tx: Transaction, { report, run, activeGenerations }: ReportToStore): Promise<StoredReport> {
    if (report.image.digest !== run.digest) throw new PharosError('report-invalid', 'The report is of another image than its run.')
    requirePositions(report)
    const at = this.clock.now()
    const image = await this.images.lock(tx, report)
    const packages = await this.images.storePackages(tx, image, report, occurrencesOf, at)
    if (report.engines.some((engine) => isOfFormerGeneration(engine, activeGenerations))) {
      await this.images.storeImage(tx, image.id, report, packages, null)
      return { outcomes: [], state: 'partial', events: [], outcome: 'catalogue-only' }
    }
    const good = report.engines.filter(isGood)
    const ingest: Ingest = {
      tx,
      image: { id: image.id, digest: report.image.digest },
      runId: run.id,
      at,
      packages,
      generations: activeGenerations,
      vulnerabilities: await this.vulnerabilities.ensure(tx, good.flatMap(vulnerabilitiesOf)),
      former: await this.results.former(tx, image.id),
    }
    const outcomes: EngineOutcome[] = []
    const events: EventBody[] = []
    for (const engine of [...report.engines].sort((one, other) => engineCode(one.engine) - engineCode(other.engine))) {
      const stored = isGood(engine) ? await this.storeEngine(ingest, engine) : await this.storeFailure(ingest, engine)
      outcomes.push(stored.outcome)
      events.push(...stored.events)
    }
    await this.findings.decide(tx, image.id, at)
    await this.images.storeImage(tx, image.id, report, packages, good.length > 0 ? at : null)
    events.unshift({
      type: 'image.scanned',
      digest: report.image.digest,
      engines: outcomes.map(({ engine, status }) => ({ engine, status })),
      runId: run.id,
    })
    const isComplete = outcomes.every(({ status }) => status === 'complete')
    return { outcomes, state: isComplete ? 'succeeded' : 'partial', events, outcome: 'stored' }
  }

  private async storeEngine(ingest: Ingest, engine: EngineReport): Promise<{ outcome: EngineOutcome; events: EventBody[] }> {
    const { tx, image, at, former } = ingest
    const before = former.get(engine.engine)
    const generationId = engine.database?.generationId ?? null
    const isWhole = engine.status === 'complete'
    const reported = await this.reportedFindings(ingest, engine, generationId)
    const stored = await this.findings.store(tx, {
      image,
      engine: engine.engine,
      reported,
      isWhole,
      formerScanAt: before?.scannedAt ?? null,
      at,
      runId: ingest.runId,
      cause: causeOf(ingest, engine, before),
      generationId,
    })
    const issues = await this.issues.store(tx, { image, engine: engine.engine, isWhole, at }, engine)
    const outcome = outcomeOf(engine, ingest.generations, stored.counts.total)
    await this.results.storeGood(tx, image.id, outcome, { at, generationId })
    const appeared = stored.appeared + issues.appeared
    const gone = stored.gone + issues.gone
    const hasChanged = appeared > 0 || gone > 0
    return {
      outcome,
      events: hasChanged ? [{ type: 'findings.changed', digest: image.digest, engine: engine.engine, appeared, gone }] : [],
    }
  }

  private async storeFailure(ingest: Ingest, engine: EngineReport): Promise<{ outcome: EngineOutcome; events: EventBody[] }> {
    const outcome = outcomeOf(engine, ingest.generations, 0)
    await this.results.storeFailed(ingest.tx, ingest.image.id, outcome, ingest.at)
    return { outcome, events: [] }
  }

  private async reportedFindings(
    { tx, packages, vulnerabilities }: Ingest,
    engine: EngineReport,
    generationId: string | null,
  ): Promise<ReportedFinding[]> {
    const found = engine.vulnerabilities.map((vulnerability) => {
      const stored = vulnerabilities.get(vulnerabilityKey(vulnerability))
      if (stored === undefined) throw new PharosError('internal-error', 'A vulnerability was not stored.')
      return { vulnerability, stored }
    })
    const joined = engine.matches.flatMap((match) => {
      const item = found[match.vulnerability]
      const place = packages.at(match.package)
      return item === undefined ? [] : [{ match, ...item, ...place, vulnerabilityId: item.stored.id }]
    })
    const ids = await this.matches.ensure(tx, engine.engine, generationId, joined)
    return joined.map(({ match, vulnerability, stored, occurrence, packageId, vulnerabilityId }) => ({
      occurrence,
      packageId,
      vulnerabilityId,
      groupId: stored.groupId,
      groupSeed: stored.groupSeed,
      matchId: ids.get(matchKey(packageId, vulnerabilityId)) ?? 0,
      severity: severityCode(vulnerability.severity),
      fixState: fixStateCode(match.fixState),
      risk: stored.risk,
      isKev: vulnerability.kev !== null,
    }))
  }
}

/** The vulnerabilities of an engine, each with the greatest risk of its matches: what speaks for a finding depends on it alone. */
function vulnerabilitiesOf({ vulnerabilities, matches }: EngineReport): ReportedVulnerability[] {
  const risks = vulnerabilities.map((): number | null => null)
  for (const { vulnerability, risk } of matches) risks[vulnerability] = Math.max(risks[vulnerability] ?? 0, storedRisk(risk))
  return vulnerabilities.map((vulnerability, position) => ({ vulnerability, risk: risks[position] ?? null }))
}

/** Made in another generation than the active one: its matches say nothing of the present. */
function isOfFormerGeneration({ engine, database }: EngineReport, active: readonly GenerationRef[]): boolean {
  const generationId = database?.generationId ?? null
  return generationId !== null && active.find((generation) => generation.engine === engine)?.id !== generationId
}

function requirePositions(report: ScanReport): void {
  for (const engine of report.engines) {
    for (const match of engine.matches) {
      if (match.package >= report.packages.length || match.vulnerability >= engine.vulnerabilities.length) {
        throw new PharosError(
          'report-invalid',
          `A match of ${engine.engine} names a package or vulnerability that the report does not hold.`,
        )
      }
    }
  }
}

function causeOf({ packages }: Ingest, engine: EngineReport, before: FormerResult | undefined): FindingCause {
  if (before === undefined) return 'scan'
  if (before.engineVersion !== engine.engineVersion) return 'engine'
  if (before.generationId !== (engine.database?.generationId ?? null)) return 'database'
  return packages.hasChanged ? 'catalogue' : 'scan'
}

/** The outcome for the API. What Pharos knows of the database itself is taken from there and not from the worker. */
function outcomeOf(report: EngineReport, generations: readonly GenerationRef[], findingCount: number): EngineOutcome {
  const { engine, status, engineVersion, reasons, database } = report
  const known = generations.find(({ id }) => id === database?.generationId)
  return {
    engine,
    status,
    engineVersion,
    reasons,
    findingCount,
    database: database && {
      schemaVersion: database.schemaVersion,
      checksum: known?.checksum ?? database.checksum,
      builtAt: known === undefined ? timestampOrNull(database.builtAt) : known.builtAt,
      isSample: known?.isSample ?? database.isSample,
      isStale: known?.isStale ?? database.isStale,
    },
  }
}
