import { randomUUID } from 'node:crypto'
import type { GenerationRef, ScanReport } from '@pharos/contracts'
import { FakeClock } from '@pharos/service-kit'
import { BaseImageStore } from '../../base-images/base-image-store.js'
import { createResultsDatabase, type ResultsDatabase } from '../../database/__tests__/results-database.js'
import { rows } from '../../database/sql.js'
import { DecisionStore } from '../../decisions/decision-store.js'
import { EventLog } from '../../events/event-log.js'
import { FindingStore } from '../../findings/finding-store.js'
import { IssueStore } from '../../findings/issue-store.js'
import { SummaryStore } from '../../findings/summary-store.js'
import { EngineResultStore } from '../../images/engine-result-store.js'
import { ImageStore } from '../../images/image-store.js'
import { KnownFacts } from '../../inventory/known-facts.js'
import { ImagePackageStore } from '../../packages/image-package-store.js'
import { PackageStore } from '../../packages/package-store.js'
import { MatchStore } from '../../vulnerabilities/match-store.js'
import { VexDecisionRules } from '../../vex/vex-decision-rules.js'
import { VexMatchesRepository } from '../../vex/vex-matches.repository.js'
import { VulnerabilityStore } from '../../vulnerabilities/vulnerability-store.js'
import { WorkloadLinks } from '../../workloads/workload-links.js'
import { receiveReport } from '../received-report.js'
import { ReportImageStore } from '../report-image-store.js'
import { ReportMatchStore } from '../report-match-store.js'
import { ReportStore, type StoredReport } from '../report-store.js'

/** The stores of the inventory on a database of their own. */
export interface InventoryHarness {
  readonly results: ResultsDatabase
  readonly images: ImageStore
  readonly clock: FakeClock
  readonly reports: ReportStore
  /** Stores a report in a transaction of its own, a minute after the former one. */
  ingest(report: ScanReport, activeGenerations?: readonly GenerationRef[]): Promise<StoredReport>
  query<T extends object = Record<string, unknown>>(sql: string, parameters?: readonly unknown[]): Promise<T[]>
  /** Removes everything that was stored. */
  clear(): Promise<void>
}

const tables = [
  'image',
  'image_index',
  'image_reference',
  'catalogue',
  'catalogue_chunk',
  'package',
  'image_package',
  'image_context',
  'vulnerability',
  'vulnerability_group',
  'vulnerability_alias',
  'vulnerability_score',
  'package_match',
  'finding',
  'finding_event',
  'finding_decision',
  'finding_decision_event',
  'vex_document',
  'vex_statement',
  'vex_statement_alias',
  'vex_match',
  'vex_trust',
  'image_package_event',
  'secret_finding',
  'misconfiguration_finding',
  'image_engine_result',
  'image_summary',
  'package_input',
  'package_search',
  'database_generation',
  'generation_chunk',
  'image_layer_prefix',
  'image_base',
  'workload',
  'workload_source',
  'event',
  'audit_event',
]

/** With `results` of another one it is a second replica on the same database. */
export async function createInventory(shared?: ResultsDatabase): Promise<InventoryHarness> {
  const results = shared ?? (await createResultsDatabase())
  const clock = new FakeClock(new Date('2026-11-24T08:00:00.000Z'))
  const images = new ImageStore(new WorkloadLinks())
  const summaries = new SummaryStore()
  const events = new EventLog(results.database, { eventsWritten: () => undefined } as never)
  const reports = new ReportStore(
    new ReportImageStore(images, new PackageStore(), new ImagePackageStore(), new BaseImageStore()),
    new ReportMatchStore(new VulnerabilityStore(), new MatchStore()),
    new FindingStore(summaries, new VexDecisionRules(new VexMatchesRepository(), new DecisionStore(summaries, events), summaries)),
    new IssueStore(),
    new EngineResultStore(),
    new KnownFacts(),
    clock,
  )
  return {
    results,
    images,
    clock,
    reports,
    ingest: async (report, activeGenerations = []) => {
      await clock.advance(60_000)
      return results.database.inTransaction((tx) =>
        reports.store(tx, {
          report: receiveReport(report),
          run: { id: randomUUID(), digest: report.image.digest },
          attempt: { id: randomUUID() },
          activeGenerations,
        }),
      )
    },
    query: (sql, parameters = []) => rows(results.database.runner, sql, parameters),
    clear: async () => {
      await results.database.runner.query(`truncate ${tables.join(', ')} restart identity`)
    },
  }
}
