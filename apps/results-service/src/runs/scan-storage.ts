import type { Readable } from 'node:stream'
import type {
  CataloguerIdentity,
  EngineName,
  EngineOutcome,
  EventBody,
  GenerationRef,
  ReportAnswer,
  ResolvedImage,
  ScanResult,
} from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import type { Transaction } from '../database/transaction.js'
import type { ReceivedReport } from '../ingest/received-report.js'

/** What came of storing a report. */
export interface StoredReport {
  readonly outcomes: EngineOutcome[]
  readonly state: 'succeeded' | 'partial'
  readonly events: EventBody[]
  readonly outcome: ReportAnswer['outcome']
}

/** The last stored result of an image for some engines. */
export interface LatestResult {
  readonly at: Date
  readonly outcomes: EngineOutcome[]
  readonly generationIds: readonly string[]
}

/** A catalogue as a worker sends it: gzip of syft-json. */
export interface CatalogueUpload {
  readonly digest: string
  readonly identity: CataloguerIdentity
  readonly body: Readable
}

/** What the orchestration of scans asks of the inventory: everything that was found in images stands behind it. */
export abstract class ScanStorage {
  /** Stores a report in the caller's transaction. */
  abstract store(
    tx: Transaction,
    input: { report: ReceivedReport; run: { id: string; digest: string }; attempt: { id: string } },
  ): Promise<StoredReport>
  /** The active database generation of each engine. */
  abstract activeGenerations(tx: Transaction): Promise<GenerationRef[]>
  abstract hasCatalogue(tx: Transaction, digest: string, identity: CataloguerIdentity): Promise<boolean>
  /** The catalogue of a digest, gzip of syft-json; null when none is kept. */
  abstract readCatalogue(digest: string, identity: CataloguerIdentity | null): Promise<Readable | null>
  abstract putCatalogue(upload: CatalogueUpload): Promise<void>
  abstract upsertResolved(tx: Transaction, image: ResolvedImage): Promise<void>
  abstract resolvedOf(tx: Transaction, digest: string): Promise<ResolvedImage | null>
  abstract latestResult(tx: Transaction, query: { digest: string; engines: readonly EngineName[] }): Promise<LatestResult | null>
  /** Image and first findings of a scan result; null when the image is gone or may not be seen. */
  abstract resultOf(digest: string, visible: VisibleRepositories): Promise<Pick<ScanResult, 'image' | 'topFindings'> | null>
  /** Keeps the context that a task was submitted with on the image. */
  abstract keepContext(tx: Transaction, taskId: string, digest: string): Promise<void>
  /** Marks images that their registry no longer has. */
  abstract markDeletedFromRegistry(tx: Transaction, digests: readonly string[]): Promise<void>
}
