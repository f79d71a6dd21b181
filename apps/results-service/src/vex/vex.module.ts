import { Module, type OnApplicationBootstrap } from '@nestjs/common'
import { InjectConfiguration } from '@pharos/service-kit'
import type { ResultsConfiguration } from '../configuration.js'
import { ImageLocator } from '../images/image-locator.js'
import { RepeatingWork } from '../upkeep/repeating-work.js'
import { VexApplicationRepository } from './vex-application.repository.js'
import { VexApplicationService } from './vex-application.service.js'
import { VexConflictsRepository } from './vex-conflicts.repository.js'
import { VexConflictsService } from './vex-conflicts.service.js'
import { VexDocumentsController } from './vex-documents.controller.js'
import { VexDocumentsRepository } from './vex-documents.repository.js'
import { VexDocumentsService } from './vex-documents.service.js'
import { VexExportsController } from './vex-exports.controller.js'
import { VexExportsRepository } from './vex-exports.repository.js'
import { VexExportsService } from './vex-exports.service.js'
import { VexTrustRepository } from './vex-trust.repository.js'
import { VexTrustService } from './vex-trust.service.js'

/** VEX documents in and out. */
@Module({
  controllers: [VexDocumentsController, VexExportsController],
  providers: [
    ImageLocator,
    VexApplicationRepository,
    VexApplicationService,
    VexConflictsRepository,
    VexConflictsService,
    VexDocumentsRepository,
    VexDocumentsService,
    VexExportsRepository,
    VexExportsService,
    VexTrustRepository,
    VexTrustService,
  ],
})
export class VexModule implements OnApplicationBootstrap {
  constructor(
    private readonly application: VexApplicationService,
    private readonly upkeep: RepeatingWork,
    @InjectConfiguration() private readonly configuration: ResultsConfiguration,
  ) {}

  onApplicationBootstrap(): void {
    this.upkeep.start({
      name: 'vex-application',
      intervalMs: this.configuration.upkeep.sweepIntervalMs,
      work: async () => {
        await this.application.settle()
        await this.application.followTags()
      },
    })
  }
}
