import { Injectable } from '@nestjs/common'
import { Patience } from '../scans/patience.js'
import { WorkerIdentity } from '../workers/worker-identity.js'
import { EnricherSandbox } from './enricher-sandbox.js'
import { EnrichmentClient } from './enrichment.client.js'
import { EnrichmentMetrics } from './enrichment-metrics.js'
import { EnrichmentWake } from './enrichment-wake.js'

/** What a worker needs to take part in enrichment, beside the work itself. */
@Injectable()
export class EnrichmentTools {
  constructor(
    readonly client: EnrichmentClient,
    readonly wake: EnrichmentWake,
    readonly sandbox: EnricherSandbox,
    readonly metrics: EnrichmentMetrics,
    readonly patience: Patience,
    readonly identity: WorkerIdentity,
  ) {}
}
