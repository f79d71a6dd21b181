import { Module, type OnApplicationBootstrap } from '@nestjs/common'
import { type Clock, InjectClock, InjectConfiguration } from '@pharos/service-kit'
import type { ResultsConfiguration } from '../configuration.js'
import { RegistriesModule } from '../registries/registries.module.js'
import { RunsModule } from '../runs/runs.module.js'
import { SbomsModule } from '../sboms/sboms.module.js'
import { TaskLedgerModule } from '../tasks/task-ledger.module.js'
import { RepeatingWork } from '../upkeep/repeating-work.js'
import { AttemptAccess } from './attempt-access.js'
import { AttemptClaimsService } from './attempt-claims.service.js'
import { AttemptCourseService } from './attempt-course.service.js'
import { AttemptResultsService } from './attempt-results.service.js'
import { AttemptSbomsService } from './attempt-sboms.service.js'
import { AttemptsController } from './attempts.controller.js'
import { AttemptsRepository } from './attempts.repository.js'
import { ClaimGrounds } from './claim-grounds.js'
import { CrashRule } from './crash-rule.js'
import { LeasePatience } from './lease-patience.js'
import { LostAttemptsReporting } from './lost-attempts-reporting.js'
import { LostAttemptsService } from './lost-attempts.service.js'
import { ReportDoor } from './report-door.js'
import { ReportGate } from './report-gate.js'
import { ReportIntake } from './report-intake.js'

@Module({
  imports: [TaskLedgerModule, RunsModule, RegistriesModule, SbomsModule],
  controllers: [AttemptsController],
  providers: [
    AttemptAccess,
    AttemptClaimsService,
    AttemptCourseService,
    AttemptResultsService,
    AttemptSbomsService,
    AttemptsRepository,
    ClaimGrounds,
    CrashRule,
    LostAttemptsReporting,
    LostAttemptsService,
    ReportDoor,
    ReportGate,
    ReportIntake,
  ],
})
export class AttemptsModule implements OnApplicationBootstrap {
  constructor(
    private readonly lostAttempts: LostAttemptsService,
    private readonly upkeep: RepeatingWork,
    @InjectConfiguration() private readonly configuration: ResultsConfiguration,
    @InjectClock() private readonly clock: Clock,
  ) {}

  onApplicationBootstrap(): void {
    const { scans, upkeep } = this.configuration
    const patience = new LeasePatience(scans.leaseMs, this.clock)
    this.upkeep.start({
      name: 'lost-attempts',
      intervalMs: upkeep.sweepIntervalMs,
      work: () =>
        patience.sweep(
          () => this.lostAttempts.sweep(),
          () => this.lostAttempts.rescue(),
        ),
    })
  }
}
