import { Injectable } from '@nestjs/common'
import { type EngineOutcome, type EventBody, type GenerationRef, PharosError, type ReportAnswer } from '@pharos/contracts'
import type { z } from 'zod'
import { type Clock, InjectClock } from '@pharos/service-kit'
import type { Transaction } from '../database/transaction.js'
import { occurrencesOf } from '../findings/finding-identity.js'
import { type FindingCause, FindingStore } from '../findings/finding-store.js'
import { IssueStore } from '../findings/issue-store.js'
import { EngineResultStore, type FormerResult } from '../images/engine-result-store.js'
import { engineCode } from '../inventory/column-codes.js'
import { type FactsOfTransaction, KnownFacts, type KnownVulnerability } from '../inventory/known-facts.js'
import type { EngineHeader, ReceivedEngine, ReceivedReport } from './received-report.js'
import { type ReportedPackages, ReportImageStore } from './report-image-store.js'
import { ReportMatchStore } from './report-match-store.js'
import { timestampOrNull } from './timestamp.js'

/** A report, and whose it is. */
export interface ReportToStore {
  readonly report: ReceivedReport
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
  readonly known: FactsOfTransaction
  readonly vulnerabilities: ReadonlyMap<ReceivedEngine, readonly KnownVulnerability[]>
  readonly former: ReadonlyMap<string, FormerResult>
  readonly generations: readonly GenerationRef[]
}

const isGood = ({ header: { status } }: ReceivedEngine): boolean => status === 'complete' || status === 'partial'

/**
 * Stores a worker's report, set by set: shared facts first, in the order packages, vulnerabilities, matches and each in the
 * order of its keys, so that parallel reports wait for each other and never lock each other out. Storing it twice changes
 * nothing. Only a complete engine result closes findings.
 */
@Injectable()
export class ReportStore {
  constructor(
    private readonly images: ReportImageStore,
    private readonly matches: ReportMatchStore,
    private readonly findings: FindingStore,
    private readonly issues: IssueStore,
    private readonly results: EngineResultStore,
    private readonly knownFacts: KnownFacts,
    @InjectClock() private readonly clock: Clock,
  ) {}

  /** Runs in the caller's transaction. Throws `report-invalid` for a report of another image, or whose parts do not fit together. */
  async store(tx: Transaction, { report, run, activeGenerations }: ReportToStore): Promise<StoredReport> {
    const { header } = report
    if (header.image.digest !== run.digest) throw new PharosError('report-invalid', 'The report is of another image than its run.')
    const at = this.clock.now()
    const image = await this.images.lock(tx, header)
    const known = await this.knownFacts.of(tx)
    const packages = await this.images.storePackages(tx, image, known, report, occurrencesOf, at)
    if (header.engines.some((engine) => isOfFormerGeneration(engine, activeGenerations))) {
      await this.images.storeImage(tx, image.id, header, packages, null)
      // Its findings are those of other packages: no re-match may take them for a result of its database.
      if (packages.hasChanged) await this.results.forgetGeneration(tx, image.id)
      return { outcomes: [], state: 'partial', events: [], outcome: 'catalogue-only' }
    }
    const good = report.engines.filter(isGood)
    const ingest: Ingest = {
      tx,
      image: { id: image.id, digest: header.image.digest },
      runId: run.id,
      at,
      packages,
      generations: activeGenerations,
      known,
      vulnerabilities: await this.matches.storeVulnerabilities(tx, known, good),
      former: await this.results.former(tx, image.id),
    }
    const outcomes: EngineOutcome[] = []
    const events: EventBody[] = []
    for (const engine of [...report.engines].sort((one, other) => engineCode(one.header.engine) - engineCode(other.header.engine))) {
      const stored = isGood(engine) ? await this.storeEngine(ingest, engine) : await this.storeFailure(ingest, engine.header)
      outcomes.push(stored.outcome)
      events.push(...stored.events)
    }
    await this.findings.decide(tx, image.id, at)
    await this.images.storeImage(tx, image.id, header, packages, good.length > 0 ? at : null)
    events.unshift({
      type: 'image.scanned',
      digest: header.image.digest,
      engines: outcomes.map(({ engine, status }) => ({ engine, status })),
      runId: run.id,
      firstResults: good.flatMap(({ header: { engine } }) => (ingest.former.get(engine)?.scannedAt ? [] : [engine])),
    })
    const isComplete = outcomes.every(({ status }) => status === 'complete')
    return { outcomes, state: isComplete ? 'succeeded' : 'partial', events, outcome: 'stored' }
  }

  private async storeEngine(ingest: Ingest, received: ReceivedEngine): Promise<{ outcome: EngineOutcome; events: EventBody[] }> {
    const { tx, image, at, former } = ingest
    const engine = received.header
    const before = former.get(engine.engine)
    const generationId = engine.database?.generationId ?? null
    const isWhole = engine.status === 'complete'
    const vulnerabilities = ingest.vulnerabilities.get(received) ?? []
    const reported = await this.matches.storeMatches(tx, ingest.known, ingest.packages, received, vulnerabilities)
    const stored = await this.findings.store(tx, {
      image,
      engine: engine.engine,
      reported,
      isWhole,
      former: before?.scannedAt ? { ...before, scannedAt: before.scannedAt } : null,
      at,
      runId: ingest.runId,
      cause: causeOf(ingest, engine, before),
      generationId,
    })
    const issues = await this.issues.store(tx, { image, engine: engine.engine, isWhole, isFirst: !before?.scannedAt, at }, engine)
    const outcome = outcomeOf(engine, ingest.generations, stored.findingCount)
    await this.results.storeGood(tx, image.id, outcome, { at, generationId, findingsHash: stored.hash })
    const appeared = stored.appeared + issues.appeared
    const gone = stored.gone + issues.gone
    const hasChanged = appeared > 0 || gone > 0
    return {
      outcome,
      events: hasChanged ? [{ type: 'findings.changed', digest: image.digest, engine: engine.engine, appeared, gone }] : [],
    }
  }

  private async storeFailure(ingest: Ingest, engine: EngineHeader): Promise<{ outcome: EngineOutcome; events: EventBody[] }> {
    const outcome = outcomeOf(engine, ingest.generations, 0)
    await this.results.storeFailed(ingest.tx, ingest.image.id, outcome, ingest.at)
    return { outcome, events: [] }
  }
}

/** Made in another generation than the active one: its matches say nothing of the present. */
function isOfFormerGeneration({ engine, database }: EngineHeader, active: readonly GenerationRef[]): boolean {
  const generationId = database?.generationId ?? null
  return generationId !== null && active.find((generation) => generation.engine === engine)?.id !== generationId
}

function causeOf({ packages }: Ingest, engine: EngineHeader, before: FormerResult | undefined): FindingCause {
  if (before === undefined) return 'scan'
  if (before.engineVersion !== engine.engineVersion) return 'engine'
  if (before.generationId !== (engine.database?.generationId ?? null)) return 'database'
  return packages.hasChanged ? 'catalogue' : 'scan'
}

/** The outcome for the API. What Pharos knows of the database itself is taken from there and not from the worker. */
function outcomeOf(report: EngineHeader, generations: readonly GenerationRef[], findingCount: number): EngineOutcome {
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
