import { Controller, HttpCode, Post } from '@nestjs/common'
import type { Principal } from '@pharos/contracts'
import { ForServices, ValidParams } from '@pharos/service-kit'
import { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import { TasksService } from './tasks.service.js'

const CohortParams = z.object({ cohort: z.string().min(1).max(100) })
type CohortParams = z.infer<typeof CohortParams>

@Controller('api/v1/cohorts/:cohort/-')
@ForServices('api-gateway')
export class CohortsController {
  constructor(private readonly tasks: TasksService) {}

  @Post('pause')
  @HttpCode(200)
  async pause(@ValidParams(CohortParams) { cohort }: CohortParams, @CurrentPrincipal() principal: Principal) {
    return { affected: await this.tasks.setCohortPause(cohort, true, principal) }
  }

  @Post('resume')
  @HttpCode(200)
  async resume(@ValidParams(CohortParams) { cohort }: CohortParams, @CurrentPrincipal() principal: Principal) {
    return { affected: await this.tasks.setCohortPause(cohort, false, principal) }
  }
}
