import { Module } from '@nestjs/common'
import { AuditLog } from '../audit/audit-log.js'
import { RematchChunksController } from './rematch-chunks.controller.js'
import { RematchCourseService, RematchCourseTools } from './rematch-course.service.js'
import { RematchInputs } from './rematch-inputs.js'
import { RematchStaging } from './rematch-staging.js'
import { RematchSwitch, SwitchParts } from './rematch-switch.js'
import { RematchWorkService, RematchWorkTools } from './rematch-work.service.js'
import { RematchesController } from './rematches.controller.js'
import { RematchesService } from './rematches.service.js'
import { SwitchFindings } from './switch-findings.js'
import { SwitchImages } from './switch-images.js'
import { SwitchMatches } from './switch-matches.js'

/** The fleet matched in another vulnerability database, without its images. */
@Module({
  controllers: [RematchChunksController, RematchesController],
  providers: [
    AuditLog,
    RematchCourseService,
    RematchCourseTools,
    RematchInputs,
    RematchStaging,
    RematchSwitch,
    RematchWorkService,
    RematchWorkTools,
    RematchesService,
    SwitchFindings,
    SwitchImages,
    SwitchMatches,
    SwitchParts,
  ],
})
export class RematchesModule {}
