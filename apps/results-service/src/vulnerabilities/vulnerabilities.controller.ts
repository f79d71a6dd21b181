import { Controller, Get } from '@nestjs/common'
import { PageQuery, type Principal, type VulnerabilityDetail } from '@pharos/contracts'
import { ForServices, ValidParams, ValidQuery } from '@pharos/service-kit'
import { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import { visibleRepositories } from '../access/repository-scope.js'
import { VulnerabilitiesService } from './vulnerabilities.service.js'

const VulnerabilityParams = z.object({ id: z.string().min(1).max(100) })

/** Vulnerabilities for the gateway. */
@Controller('api/v1/vulnerabilities')
@ForServices('api-gateway')
export class VulnerabilitiesController {
  constructor(private readonly vulnerabilities: VulnerabilitiesService) {}

  @Get(':id')
  get(
    @ValidParams(VulnerabilityParams) { id }: z.infer<typeof VulnerabilityParams>,
    @ValidQuery(PageQuery) query: z.infer<typeof PageQuery>,
    @CurrentPrincipal() principal: Principal,
  ): Promise<VulnerabilityDetail> {
    return this.vulnerabilities.detail(id, query, visibleRepositories(principal))
  }
}
