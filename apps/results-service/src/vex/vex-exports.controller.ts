import { Controller, Get, Headers, Res } from '@nestjs/common'
import { Digest, ImageVexQuery, type Principal, VexExportQuery } from '@pharos/contracts'
import { ForServices, ValidParams, ValidQuery } from '@pharos/service-kit'
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import { visibleRepositories } from '../access/repository-scope.js'
import { isNotModified } from '../inventory/entity-tag.js'
import { VexExportsService } from './vex-exports.service.js'

const ImageParams = z.object({ digest: Digest })
type ImageParams = z.infer<typeof ImageParams>

/** Decisions as VEX documents, for the gateway. */
@Controller('api/v1')
@ForServices('api-gateway')
export class VexExportsController {
  constructor(private readonly exports: VexExportsService) {}

  @Get('images/:digest/vex')
  async ofImage(
    @ValidParams(ImageParams) { digest }: ImageParams,
    @ValidQuery(ImageVexQuery) query: ImageVexQuery,
    @CurrentPrincipal() principal: Principal,
    @Headers('if-none-match') ifNoneMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object | undefined> {
    const document = await this.exports.ofImage(digest, query, visibleRepositories(principal))
    return isNotModified(reply, ifNoneMatch, document) ? undefined : document
  }

  @Get('vex/export')
  async ofFilter(
    @ValidQuery(VexExportQuery) query: VexExportQuery,
    @CurrentPrincipal() principal: Principal,
    @Headers('if-none-match') ifNoneMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object | undefined> {
    const document = await this.exports.ofFilter(query, visibleRepositories(principal))
    return isNotModified(reply, ifNoneMatch, document) ? undefined : document
  }
}
