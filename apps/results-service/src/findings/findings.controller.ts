import { Controller, Get, Headers, Res } from '@nestjs/common'
import { Digest, type FindingPage, ListFindingsQuery, PageQuery, type Principal, QueryFindings } from '@pharos/contracts'
import { ForServices, ValidParams, ValidQuery } from '@pharos/service-kit'
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import { visibleRepositories } from '../access/repository-scope.js'
import { isNotModified } from '../inventory/entity-tag.js'
import { FindingsService } from './findings.service.js'
import { IssuesService } from './issues.service.js'

const ImageParams = z.object({ digest: Digest })
type ImageParams = z.infer<typeof ImageParams>
type PageRequest = z.infer<typeof PageQuery>

/** What was found in images, for the gateway. */
@Controller('api/v1')
@ForServices('api-gateway')
export class FindingsController {
  constructor(
    private readonly findings: FindingsService,
    private readonly issues: IssuesService,
  ) {}

  @Get('findings')
  async query(
    @ValidQuery(QueryFindings) query: QueryFindings,
    @CurrentPrincipal() principal: Principal,
    @Headers('if-none-match') ifNoneMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<FindingPage | undefined> {
    const page = await this.findings.query(query, principal)
    return isNotModified(reply, ifNoneMatch, page) ? undefined : page
  }

  @Get('images/:digest/findings')
  async list(
    @ValidParams(ImageParams) { digest }: ImageParams,
    @ValidQuery(ListFindingsQuery) query: ListFindingsQuery,
    @CurrentPrincipal() principal: Principal,
    @Headers('if-none-match') ifNoneMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<FindingPage | undefined> {
    const page = await this.findings.list(digest, query, principal)
    return isNotModified(reply, ifNoneMatch, page) ? undefined : page
  }

  @Get('images/:digest/secrets')
  listSecrets(
    @ValidParams(ImageParams) { digest }: ImageParams,
    @ValidQuery(PageQuery) query: PageRequest,
    @CurrentPrincipal() principal: Principal,
  ) {
    return this.issues.listSecrets(digest, query, visibleRepositories(principal))
  }

  @Get('images/:digest/misconfigurations')
  listMisconfigurations(
    @ValidParams(ImageParams) { digest }: ImageParams,
    @ValidQuery(PageQuery) query: PageRequest,
    @CurrentPrincipal() principal: Principal,
  ) {
    return this.issues.listMisconfigurations(digest, query, visibleRepositories(principal))
  }
}
