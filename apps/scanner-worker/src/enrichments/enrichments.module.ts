import { Module } from '@nestjs/common'
import { Patience } from '../scans/patience.js'
import { EnricherSandbox } from './enricher-sandbox.js'
import { EnricherSets } from './enricher-sets.js'
import { EnrichmentClient } from './enrichment.client.js'
import { EnrichmentMetrics } from './enrichment-metrics.js'
import { EnrichmentTools } from './enrichment-tools.js'
import { EnrichmentWake } from './enrichment-wake.js'
import { EnrichmentWorkerService } from './enrichment-worker.service.js'
import { SetTrialService } from './set-trial.service.js'
import { SubjectChunkService } from './subject-chunk.service.js'

/** Contexts made of stored results by a site's own scripts, a chunk of subjects at a time. */
@Module({
  providers: [
    Patience,
    EnrichmentClient,
    EnrichmentWake,
    EnrichmentMetrics,
    EnricherSandbox,
    EnricherSets,
    SubjectChunkService,
    SetTrialService,
    EnrichmentTools,
    EnrichmentWorkerService,
  ],
})
export class EnrichmentsModule {}
