import { Global, Module } from '@nestjs/common'
import { WorkerMetrics } from './worker-metrics.js'

/** The worker's own metrics. */
@Global()
@Module({ providers: [WorkerMetrics], exports: [WorkerMetrics] })
export class WorkerMetricsModule {}
