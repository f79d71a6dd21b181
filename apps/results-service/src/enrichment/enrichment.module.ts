import { Module } from '@nestjs/common'
import { AuditLog } from '../audit/audit-log.js'
import { EnrichersController, EnricherRunsController, EnricherSetsController } from './enrichers.controller.js'
import { EnrichedContextStore } from './enriched-context-store.js'
import { EnricherOverviewService } from './enricher-overview.service.js'
import { EnricherRecordStore } from './enricher-record-store.js'
import { EnricherRequestRepository } from './enricher-request.repository.js'
import { EnricherRunRepository } from './enricher-run.repository.js'
import { EnricherRunsService, EnricherRunTools } from './enricher-runs.service.js'
import { EnricherSetRepository } from './enricher-set.repository.js'
import { EnricherSetsService } from './enricher-sets.service.js'
import { EnricherTestsService } from './enricher-tests.service.js'
import { EnrichmentClaimsService, EnrichmentClaimTools } from './enrichment-claims.service.js'
import { EnrichmentCourseService, EnrichmentCourseTools } from './enrichment-course.service.js'
import { DeliveryStores, EnrichmentDeliveriesService } from './enrichment-deliveries.service.js'
import { EnricherFilesController, EnrichmentWorkController } from './enrichment-work.controller.js'
import { LabelStore } from './label-store.js'
import { PayloadBuilder } from './payload-builder.js'
import { PayloadRepository } from './payload.repository.js'
import { PayloadsController } from './payloads.controller.js'
import { PayloadsService } from './payloads.service.js'
import { RequestAnswers } from './request-answers.js'
import { WorkQueue } from './work-queue.js'

/** Enrichment: work of its own behind stored results. Workers run the scripts; this service builds payloads and keeps contexts. */
@Module({
  controllers: [
    EnrichersController,
    EnricherRunsController,
    EnricherSetsController,
    EnricherFilesController,
    EnrichmentWorkController,
    PayloadsController,
  ],
  providers: [
    AuditLog,
    DeliveryStores,
    EnrichedContextStore,
    EnricherOverviewService,
    EnricherRecordStore,
    EnricherRequestRepository,
    EnricherRunRepository,
    EnricherRunsService,
    EnricherRunTools,
    EnricherSetRepository,
    EnricherSetsService,
    EnricherTestsService,
    EnrichmentClaimsService,
    EnrichmentClaimTools,
    EnrichmentCourseService,
    EnrichmentCourseTools,
    EnrichmentDeliveriesService,
    LabelStore,
    PayloadBuilder,
    PayloadRepository,
    PayloadsService,
    RequestAnswers,
    WorkQueue,
  ],
})
export class EnrichmentModule {}
