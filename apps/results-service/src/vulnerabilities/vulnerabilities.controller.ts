import { Controller, Get, Headers, Res } from '@nestjs/common'
import { FilteredPageQuery, PageQuery, type Principal, type VulnerabilityDetail, type VulnerabilityImagePage } from '@pharos/contracts'
import { ForServices, ValidParams, ValidQuery } from '@pharos/service-kit'
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import { visibleRepositories } from '../access/repository-scope.js'
import { isNotModified } from '../inventory/entity-tag.js'
import { VulnerabilityImagesService } from './vulnerability-images.service.js'
import { VulnerabilitiesService } from './vulnerabilities.service.js'

const VulnerabilityParams = z.object({ id: z.string().min(1).max(100) })

/** Vulnerabilities for the gateway. */
@Controller('api/v1/vulnerabilities')
@ForServices('api-gateway')
export class VulnerabilitiesController {
  constructor(
    private readonly vulnerabilities: VulnerabilitiesService,
    private readonly vulnerableImages: VulnerabilityImagesService,
  ) {}

  @Get(':id')
  get(
    @ValidParams(VulnerabilityParams) { id }: z.infer<typeof VulnerabilityParams>,
    @ValidQuery(PageQuery) query: z.infer<typeof PageQuery>,
    @CurrentPrincipal() principal: Principal,
  ): Promise<VulnerabilityDetail> {
    return this.vulnerabilities.detail(id, query, visibleRepositories(principal))
  }

  @Get(':id/images')
  async images(
    @ValidParams(VulnerabilityParams) { id }: z.infer<typeof VulnerabilityParams>,
    @ValidQuery(FilteredPageQuery) query: FilteredPageQuery,
    @CurrentPrincipal() principal: Principal,
    @Headers('if-none-match') ifNoneMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<VulnerabilityImagePage | undefined> {
    const page = await this.vulnerableImages.list(id, query, principal)
    return isNotModified(reply, ifNoneMatch, page) ? undefined : page
  }
}
