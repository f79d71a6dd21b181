import { Controller, Delete, Get, Headers, HttpCode, Res } from '@nestjs/common'
import { Digest, type ImageDetail, type ImagePage, ListImagesQuery, type Principal } from '@pharos/contracts'
import { ForServices, ValidParams, ValidQuery } from '@pharos/service-kit'
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import { visibleRepositories } from '../access/repository-scope.js'
import { isNotModified } from '../inventory/entity-tag.js'
import { ImageListService } from './image-list.service.js'
import { ImageView } from './image-view.js'
import { ImagesService } from './images.service.js'

const ImageParams = z.object({ digest: Digest })
type ImageParams = z.infer<typeof ImageParams>

/** Images for the gateway. */
@Controller('api/v1/images')
@ForServices('api-gateway')
export class ImagesController {
  constructor(
    private readonly images: ImagesService,
    private readonly lists: ImageListService,
    private readonly view: ImageView,
  ) {}

  @Get()
  async list(
    @ValidQuery(ListImagesQuery) query: ListImagesQuery,
    @CurrentPrincipal() principal: Principal,
    @Headers('if-none-match') ifNoneMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ImagePage | undefined> {
    const page = await this.lists.list(query, principal)
    return isNotModified(reply, ifNoneMatch, page) ? undefined : page
  }

  @Get(':digest')
  async get(
    @ValidParams(ImageParams) { digest }: ImageParams,
    @CurrentPrincipal() principal: Principal,
    @Headers('if-none-match') ifNoneMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ImageDetail | undefined> {
    const detail = await this.view.detail(digest, visibleRepositories(principal))
    return isNotModified(reply, ifNoneMatch, detail) ? undefined : detail
  }

  @Delete(':digest')
  @HttpCode(204)
  remove(@ValidParams(ImageParams) { digest }: ImageParams, @CurrentPrincipal() principal: Principal): Promise<void> {
    return this.images.remove(digest, principal)
  }
}
