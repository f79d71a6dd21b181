import type { Readable } from 'node:stream'
import { Injectable } from '@nestjs/common'
import type { CataloguerIdentity, EngineName, GenerationRef, ResolvedImage, ScanResult } from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { CatalogueStore } from '../catalogues/catalogue-store.js'
import { ContextStore } from '../contexts/context-store.js'
import type { Transaction } from '../database/transaction.js'
import { GenerationStore } from '../generations/generation-store.js'
import { ImageStore } from '../images/image-store.js'
import { ImagesService } from '../images/images.service.js'
import { shareIngest } from '../rematches/ingest-lock.js'
import type { ReceivedReport } from '../ingest/received-report.js'
import { ReportStore } from '../ingest/report-store.js'
import { type CatalogueUpload, type LatestResult, ScanStorage, type StoredReport } from '../runs/scan-storage.js'
import { ScanResultView } from './scan-result-view.js'

/** What the orchestration of scans asks of the inventory, put together from its features. */
@Injectable()
export class InventoryStorage extends ScanStorage {
  constructor(
    private readonly reports: ReportStore,
    private readonly generations: GenerationStore,
    private readonly catalogues: CatalogueStore,
    private readonly contexts: ContextStore,
    private readonly imageStore: ImageStore,
    private readonly images: ImagesService,
    private readonly view: ScanResultView,
  ) {
    super()
  }

  async store(
    tx: Transaction,
    input: { report: ReceivedReport; run: { id: string; digest: string }; attempt: { id: string } },
  ): Promise<StoredReport> {
    await shareIngest(tx)
    const stored = await this.reports.store(tx, { ...input, activeGenerations: await this.generations.active(tx) })
    await this.imageStore.referPostedSboms(tx, input.run)
    await this.contexts.keepOfRun(tx, input.run.id, input.run.digest)
    return stored
  }

  activeGenerations(tx: Transaction): Promise<GenerationRef[]> {
    return this.generations.active(tx)
  }

  hasCatalogue(tx: Transaction, digest: string, identity: CataloguerIdentity): Promise<boolean> {
    return this.catalogues.has(tx, digest, identity)
  }

  readCatalogue(digest: string, identity: CataloguerIdentity | null): Promise<Readable | null> {
    return this.catalogues.read(digest, identity)
  }

  putCatalogue(upload: CatalogueUpload): Promise<void> {
    return this.catalogues.put(upload)
  }

  async upsertResolved(tx: Transaction, image: ResolvedImage): Promise<void> {
    await this.imageStore.upsertResolved(tx, image)
  }

  resolvedOf(tx: Transaction, digest: string): Promise<ResolvedImage | null> {
    return this.imageStore.resolvedOf(tx, digest)
  }

  /** Complete results of all the engines, none of them failed since; null when one is missing. */
  async latestResult(tx: Transaction, query: { digest: string; engines: readonly EngineName[] }): Promise<LatestResult | null> {
    const found = await this.imageStore.latestResult(tx, query)
    const times = found.flatMap(({ scannedAt, lastAttemptFailed }) =>
      scannedAt === null || lastAttemptFailed ? [] : [scannedAt.getTime()],
    )
    if (times.length < query.engines.length) return null
    return {
      at: new Date(Math.min(...times)),
      outcomes: found.map(({ outcome }) => outcome),
      generationIds: found.flatMap(({ generationId }) => (generationId === null ? [] : [generationId])),
    }
  }

  resultOf(digest: string, visible: VisibleRepositories): Promise<Pick<ScanResult, 'image' | 'topFindings'> | null> {
    return this.view.of(digest, visible)
  }

  keepContext(tx: Transaction, taskId: string, digest: string): Promise<void> {
    return this.contexts.keepOfTask(tx, taskId, digest)
  }

  markDeletedFromRegistry(tx: Transaction, digests: readonly string[]): Promise<void> {
    return this.images.markDeletedFromRegistry(tx, digests)
  }
}
