import { Global, Module } from '@nestjs/common'
import { SummaryStore } from '../findings/summary-store.js'
import { VexDecisionRules } from '../vex/vex-decision-rules.js'
import { VexMatchesRepository } from '../vex/vex-matches.repository.js'
import { DecisionRules } from './decision-rules.js'
import { DecisionStore } from './decision-store.js'
import { DecisionsRepository } from './decisions.repository.js'
import { DecisionsService } from './decisions.service.js'

/** What people and VEX documents decide about findings. */
@Global()
@Module({
  providers: [
    DecisionStore,
    DecisionsRepository,
    DecisionsService,
    SummaryStore,
    VexMatchesRepository,
    { provide: DecisionRules, useClass: VexDecisionRules },
  ],
  exports: [DecisionRules, DecisionsService],
})
export class DecisionsModule {}
