import { BullModule } from '@nestjs/bullmq'
import { Module } from '@nestjs/common'
import { scanQueues } from '@pharos/contracts'
import { DatabasesModule } from '../databases/databases.module.js'
import { RegistriesModule } from '../registries/registries.module.js'
import { AttemptEnvironment } from './attempt-environment.js'
import { AttemptFactory } from './attempt-factory.js'
import { InteractiveScanConsumer } from './interactive-scan.consumer.js'
import { Patience } from './patience.js'
import { PhaseRunner } from './phase-runner.js'
import { CataloguePhase } from './phases/catalogue.phase.js'
import { MatchPhase } from './phases/match.phase.js'
import { PullPhase } from './phases/pull.phase.js'
import { ReportPhase } from './phases/report.phase.js'
import { ResolvePhase } from './phases/resolve.phase.js'
import { ScanAttemptService } from './scan-attempt.service.js'
import { ScanDrain } from './scan-drain.js'
import { ScanPipeline } from './scan-pipeline.js'
import { SharedScanConsumer } from './shared-scan.consumer.js'

/** From a job to a report. */
@Module({
  imports: [
    BullModule.registerQueue({ name: scanQueues.interactive.name }, { name: scanQueues.shared.name }),
    DatabasesModule,
    RegistriesModule,
  ],
  providers: [
    AttemptEnvironment,
    AttemptFactory,
    Patience,
    PhaseRunner,
    ResolvePhase,
    PullPhase,
    CataloguePhase,
    MatchPhase,
    ReportPhase,
    ScanPipeline,
    ScanAttemptService,
    InteractiveScanConsumer,
    SharedScanConsumer,
    ScanDrain,
  ],
})
export class ScansModule {}
