import { Controller, Get } from '@nestjs/common'
import { Digest, type ImageBase, type ImageChildPage, type ImageLayerList, PageQuery, type Principal } from '@pharos/contracts'
import { ForServices, ValidParams, ValidQuery } from '@pharos/service-kit'
import { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import { BaseImagesService } from './base-images.service.js'

const ImageParams = z.object({ digest: Digest })
type ImageParams = z.infer<typeof ImageParams>

/** What images are built on, for the gateway. */
@Controller('api/v1/images/:digest')
@ForServices('api-gateway')
export class BaseImagesController {
  constructor(private readonly bases: BaseImagesService) {}

  @Get('base')
  base(@ValidParams(ImageParams) { digest }: ImageParams, @CurrentPrincipal() principal: Principal): Promise<ImageBase> {
    return this.bases.base(digest, principal)
  }

  @Get('layers')
  layers(@ValidParams(ImageParams) { digest }: ImageParams, @CurrentPrincipal() principal: Principal): Promise<ImageLayerList> {
    return this.bases.layers(digest, principal)
  }

  @Get('children')
  children(
    @ValidParams(ImageParams) { digest }: ImageParams,
    @ValidQuery(PageQuery) query: PageQuery,
    @CurrentPrincipal() principal: Principal,
  ): Promise<ImageChildPage> {
    return this.bases.children(digest, query, principal)
  }
}
