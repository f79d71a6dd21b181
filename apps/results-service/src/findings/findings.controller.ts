import { Controller, Get } from '@nestjs/common'
import { Digest, type FindingPage, ListFindingsQuery, PageQuery, type Principal } from '@pharos/contracts'
import { ForServices, ValidParams, ValidQuery } from '@pharos/service-kit'
import { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import { visibleRepositories } from '../access/repository-scope.js'
import { FindingsService } from './findings.service.js'

const ImageParams = z.object({ digest: Digest })
type ImageParams = z.infer<typeof ImageParams>
type PageRequest = z.infer<typeof PageQuery>

/** What was found in an image, for the gateway. */
@Controller('api/v1/images/:digest')
@ForServices('api-gateway')
export class FindingsController {
  constructor(private readonly findings: FindingsService) {}

  @Get('findings')
  list(
    @ValidParams(ImageParams) { digest }: ImageParams,
    @ValidQuery(ListFindingsQuery) query: ListFindingsQuery,
    @CurrentPrincipal() principal: Principal,
  ): Promise<FindingPage> {
    return this.findings.list(digest, query, visibleRepositories(principal))
  }

  @Get('secrets')
  listSecrets(
    @ValidParams(ImageParams) { digest }: ImageParams,
    @ValidQuery(PageQuery) query: PageRequest,
    @CurrentPrincipal() principal: Principal,
  ) {
    return this.findings.listSecrets(digest, query, visibleRepositories(principal))
  }

  @Get('misconfigurations')
  listMisconfigurations(
    @ValidParams(ImageParams) { digest }: ImageParams,
    @ValidQuery(PageQuery) query: PageRequest,
    @CurrentPrincipal() principal: Principal,
  ) {
    return this.findings.listMisconfigurations(digest, query, visibleRepositories(principal))
  }
}
