import { Injectable } from '@nestjs/common'
import { type EngineReport, PharosError, type ReportAnswer, type ScanReport } from '@pharos/contracts'
import type { PulledImage } from '@pharos/registry'
import { InjectConfiguration } from '@pharos/service-kit'
import type { WorkerConfiguration } from '../../configuration.js'
import { ResultsClient } from '../../results/results.client.js'
import { PhaseRunner } from '../phase-runner.js'
import { Patience } from '../patience.js'
import type { ScanAttempt } from '../scan-attempt.js'
import type { Catalogued } from './catalogue.phase.js'
import type { ResolvedRun } from './resolve.phase.js'

/** Everything that a report is made of. */
export interface ReportParts {
  readonly resolved: ResolvedRun
  readonly pulled: PulledImage | null
  readonly catalogued: Catalogued
  readonly engines: EngineReport[]
}

/** Hands the report over. A busy or absent results-service is waited for as long as the attempt's lease is renewed. */
@Injectable()
export class ReportPhase {
  constructor(
    private readonly phases: PhaseRunner,
    private readonly results: ResultsClient,
    private readonly patience: Patience,
    @InjectConfiguration() private readonly configuration: WorkerConfiguration,
  ) {}

  async run(attempt: ScanAttempt, parts: ReportParts): Promise<ReportAnswer['outcome']> {
    return this.phases.run(attempt, 'report', this.configuration.timeouts.reportMs, async (signal) => {
      await this.ensureUploaded(parts.catalogued, signal)
      const report = buildReport(parts)
      const { outcome } = await this.patience.until(signal, () => this.results.report(attempt.key, report, signal))
      return outcome
    })
  }

  /** The upload began while the engines matched; if that did not go through, it is done again. */
  private async ensureUploaded(catalogued: Catalogued, signal: AbortSignal): Promise<void> {
    try {
      await catalogued.uploaded
    } catch (error) {
      const { upload } = catalogued
      if (!(error instanceof PharosError) || !error.isRetryable || upload === null) throw error
      await this.patience.until(signal, () => upload(signal))
    }
  }
}

/** The report in the contract's form. */
function buildReport({ resolved, pulled, catalogued, engines }: ReportParts): ScanReport {
  const { catalogue, identity, isReused } = catalogued
  const { matcherInputs } = catalogue
  return {
    reportVersion: 1,
    image: resolved.image,
    config:
      pulled === null
        ? null
        : {
            os: pulled.config.platform.os,
            architecture: pulled.config.platform.architecture,
            createdAt: pulled.config.created,
            labels: pulled.config.labels,
            diffIds: pulled.config.diffIds,
            history: pulled.config.history.map(({ createdBy, created, isEmptyLayer }) => ({ createdBy, createdAt: created, isEmptyLayer })),
          },
    distro: catalogue.distro,
    catalogue:
      identity === null ? null : { ...identity, packageCount: catalogue.packages.length, unreadable: [...catalogue.unreadable], isReused },
    packages: catalogue.packages,
    ...(matcherInputs === undefined ? {} : { matcherInputs }),
    engines,
  }
}
