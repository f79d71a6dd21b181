import { Global, Module, type OnApplicationBootstrap } from '@nestjs/common'
import { InjectConfiguration } from '@pharos/service-kit'
import type { ResultsConfiguration } from '../configuration.js'
import { SummaryStore } from '../findings/summary-store.js'
import { RepeatingWork } from '../upkeep/repeating-work.js'
import { VexDecisionRules } from '../vex/vex-decision-rules.js'
import { VexMatchesRepository } from '../vex/vex-matches.repository.js'
import { DecisionExpiryService } from './decision-expiry.service.js'
import { DecisionRules } from './decision-rules.js'
import { DecisionStore } from './decision-store.js'
import { DecisionsController } from './decisions.controller.js'
import { DecisionsRepository } from './decisions.repository.js'
import { DecisionsService } from './decisions.service.js'
import { FindingDetailsRepository } from './finding-details.repository.js'
import { FindingDetailsService } from './finding-details.service.js'

/** What people and VEX documents decide about findings. */
@Global()
@Module({
  controllers: [DecisionsController],
  providers: [
    DecisionExpiryService,
    DecisionStore,
    DecisionsRepository,
    DecisionsService,
    FindingDetailsRepository,
    FindingDetailsService,
    SummaryStore,
    VexMatchesRepository,
    { provide: DecisionRules, useClass: VexDecisionRules },
  ],
  exports: [DecisionRules, DecisionStore, DecisionsService],
})
export class DecisionsModule implements OnApplicationBootstrap {
  constructor(
    private readonly expiry: DecisionExpiryService,
    private readonly upkeep: RepeatingWork,
    @InjectConfiguration() private readonly configuration: ResultsConfiguration,
  ) {}

  onApplicationBootstrap(): void {
    this.upkeep.start({
      name: 'decision-expiry',
      intervalMs: this.configuration.upkeep.sweepIntervalMs,
      work: async () => void (await this.expiry.expire()),
    })
  }
}
