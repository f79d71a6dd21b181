import { Global, Module } from '@nestjs/common'
import { AuditLog } from '../audit/audit-log.js'
import { BaseImageStore } from '../base-images/base-image-store.js'
import { BaseImagesController } from '../base-images/base-images.controller.js'
import { BaseImagesRepository } from '../base-images/base-images.repository.js'
import { BaseImagesService } from '../base-images/base-images.service.js'
import { CatalogueStore } from '../catalogues/catalogue-store.js'
import { PostgresSbomStorageStrategy } from '../catalogues/postgres-sbom-storage-strategy.js'
import { SBOM_STORAGE } from '../catalogues/sbom-storage-strategy.js'
import { ContextStore } from '../contexts/context-store.js'
import { ContextsController } from '../contexts/contexts.controller.js'
import { ContextsRepository } from '../contexts/contexts.repository.js'
import { ContextsService } from '../contexts/contexts.service.js'
import { LabelStore } from '../enrichment/label-store.js'
import { FindingStore } from '../findings/finding-store.js'
import { FindingFacetsController } from '../findings/finding-facets.controller.js'
import { FindingFacetsRepository } from '../findings/finding-facets.repository.js'
import { FindingFacetsService } from '../findings/finding-facets.service.js'
import { FindingSelections } from '../findings/finding-selection.js'
import { FindingsController } from '../findings/findings.controller.js'
import { FindingsRepository } from '../findings/findings.repository.js'
import { FindingsService } from '../findings/findings.service.js'
import { IssuesService } from '../findings/issues.service.js'
import { IssueStore } from '../findings/issue-store.js'
import { SummaryStore } from '../findings/summary-store.js'
import { DatabasesController } from '../generations/databases.controller.js'
import { GenerationStore } from '../generations/generation-store.js'
import { GenerationsController } from '../generations/generations.controller.js'
import { GenerationsRepository } from '../generations/generations.repository.js'
import { GenerationsService } from '../generations/generations.service.js'
import { EngineResultStore } from '../images/engine-result-store.js'
import { ImageListService } from '../images/image-list.service.js'
import { ImageLocator } from '../images/image-locator.js'
import { ImageStore } from '../images/image-store.js'
import { ImageVerdicts } from '../images/image-verdicts.js'
import { ImageView } from '../images/image-view.js'
import { ImagesController } from '../images/images.controller.js'
import { ImagesRepository } from '../images/images.repository.js'
import { ImagesService } from '../images/images.service.js'
import { ReportImageStore } from '../ingest/report-image-store.js'
import { ReportMatchStore } from '../ingest/report-match-store.js'
import { ReportStore } from '../ingest/report-store.js'
import { FleetPackagesRepository } from '../packages/fleet-packages.repository.js'
import { FleetPackagesService } from '../packages/fleet-packages.service.js'
import { ImagePackageStore } from '../packages/image-package-store.js'
import { PackageStore } from '../packages/package-store.js'
import { PackagesController } from '../packages/packages.controller.js'
import { PackagesRepository } from '../packages/packages.repository.js'
import { PackagesService } from '../packages/packages.service.js'
import { rematchStores } from '../rematches/rematch-stores.js'
import { RescansController } from '../rescans/rescans.controller.js'
import { RescansRepository } from '../rescans/rescans.repository.js'
import { RescansService } from '../rescans/rescans.service.js'
import { ScanStorage } from '../runs/scan-storage.js'
import { ImageSbomsController } from '../sbom-formats/image-sboms.controller.js'
import { ImageSbomsService } from '../sbom-formats/image-sboms.service.js'
import { TaskLedgerModule } from '../tasks/task-ledger.module.js'
import { MatchStore } from '../vulnerabilities/match-store.js'
import { VulnerabilitiesController } from '../vulnerabilities/vulnerabilities.controller.js'
import { VulnerabilitiesRepository } from '../vulnerabilities/vulnerabilities.repository.js'
import { VulnerabilitiesService } from '../vulnerabilities/vulnerabilities.service.js'
import { VulnerabilityImagesService } from '../vulnerabilities/vulnerability-images.service.js'
import { VulnerabilityStore } from '../vulnerabilities/vulnerability-store.js'
import { WorkloadLinks } from '../workloads/workload-links.js'
import { InventoryStorage } from './inventory-storage.js'
import { KnownFacts } from './known-facts.js'
import { ScanResultView } from './scan-result-view.js'

const stores = [
  BaseImageStore,
  CatalogueStore,
  ContextStore,
  EngineResultStore,
  FindingStore,
  GenerationStore,
  ImagePackageStore,
  ImageStore,
  IssueStore,
  KnownFacts,
  LabelStore,
  MatchStore,
  PackageStore,
  ReportImageStore,
  ReportMatchStore,
  ReportStore,
  ...rematchStores,
  SummaryStore,
  VulnerabilityStore,
  WorkloadLinks,
]
const reads = [
  BaseImagesRepository,
  BaseImagesService,
  ContextsRepository,
  ContextsService,
  FindingFacetsRepository,
  FindingFacetsService,
  FindingSelections,
  FindingsRepository,
  FindingsService,
  IssuesService,
  GenerationsRepository,
  GenerationsService,
  ImageListService,
  ImageLocator,
  ImageSbomsService,
  ImageVerdicts,
  ImageView,
  ImagesRepository,
  ImagesService,
  FleetPackagesRepository,
  FleetPackagesService,
  PackagesRepository,
  PackagesService,
  RescansRepository,
  RescansService,
  ScanResultView,
  VulnerabilitiesRepository,
  VulnerabilitiesService,
  VulnerabilityImagesService,
]

/** Everything that was found in images: facts, reads, databases, rescans. Scans reach it through `ScanStorage`. */
@Global()
@Module({
  imports: [TaskLedgerModule],
  controllers: [
    BaseImagesController,
    ContextsController,
    DatabasesController,
    FindingFacetsController,
    FindingsController,
    GenerationsController,
    ImageSbomsController,
    ImagesController,
    PackagesController,
    RescansController,
    VulnerabilitiesController,
  ],
  providers: [
    ...stores,
    ...reads,
    AuditLog,
    { provide: SBOM_STORAGE, useClass: PostgresSbomStorageStrategy },
    { provide: ScanStorage, useClass: InventoryStorage },
  ],
  exports: [
    FindingSelections,
    ScanStorage,
    CatalogueStore,
    GenerationStore,
    GenerationsService,
    ImageLocator,
    ImageView,
    ScanResultView,
    SummaryStore,
    VulnerabilityStore,
    ...rematchStores,
  ],
})
export class InventoryModule {}
