import { Controller, Get, Headers, Res, StreamableFile } from '@nestjs/common'
import { Digest, type Principal, SbomQuery } from '@pharos/contracts'
import { ForServices, ValidParams, ValidQuery } from '@pharos/service-kit'
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import { visibleRepositories } from '../access/repository-scope.js'
import { isNotModified } from '../inventory/entity-tag.js'
import { ImageSbomsService } from './image-sboms.service.js'

const ImageParams = z.object({ digest: Digest })

/** SBOMs of images, for the gateway. */
@Controller('api/v1/images/:digest/sbom')
@ForServices('api-gateway')
export class ImageSbomsController {
  constructor(private readonly sboms: ImageSbomsService) {}

  @Get()
  async get(
    @ValidParams(ImageParams) { digest }: z.infer<typeof ImageParams>,
    @ValidQuery(SbomQuery) { format }: z.infer<typeof SbomQuery>,
    @CurrentPrincipal() principal: Principal,
    @Headers('if-none-match') ifNoneMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<StreamableFile | undefined> {
    const sbom = await this.sboms.open(digest, format, visibleRepositories(principal))
    return isNotModified(reply, ifNoneMatch, sbom.version) ? undefined : new StreamableFile(await sbom.read(), { type: sbom.mediaType })
  }
}
