import { Injectable } from '@nestjs/common'
import type { ReportAnswer, ResolveDecision } from '@pharos/contracts'
import { CataloguePhase } from './phases/catalogue.phase.js'
import { MatchPhase } from './phases/match.phase.js'
import { PullPhase } from './phases/pull.phase.js'
import { ReportPhase } from './phases/report.phase.js'
import { ResolvePhase } from './phases/resolve.phase.js'
import type { ScanAttempt } from './scan-attempt.js'

/** How an attempt that did not fail ended: nothing to do after resolving, or a report was handed over. */
export type ScanOutcome = Exclude<ResolveDecision['decision'], 'run'> | ReportAnswer['outcome']

/** A scan from its reference to its report. */
@Injectable()
export class ScanPipeline {
  constructor(
    private readonly resolve: ResolvePhase,
    private readonly pull: PullPhase,
    private readonly catalogue: CataloguePhase,
    private readonly match: MatchPhase,
    private readonly report: ReportPhase,
  ) {}

  async run(attempt: ScanAttempt): Promise<ScanOutcome> {
    const resolved = await this.resolve.run(attempt)
    if (resolved.decision !== 'run') return resolved.decision
    const pulled = await this.pull.run(attempt, resolved)
    const catalogued = await this.catalogue.run(attempt, resolved, pulled)
    const engines = await this.match.run(attempt, catalogued, pulled)
    return this.report.run(attempt, { resolved, pulled, catalogued, engines })
  }
}
