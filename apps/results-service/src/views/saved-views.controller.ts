import { Controller, Delete, Get, Headers, HttpCode, Patch, Post, Res } from '@nestjs/common'
import {
  ChangeSavedView,
  CreateSavedView,
  ListSavedViewsQuery,
  type Principal,
  type SavedView,
  type SavedViewList,
  Uuid,
} from '@pharos/contracts'
import { ForServices, ValidBody, ValidParams, ValidQuery } from '@pharos/service-kit'
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import { versionTag } from '../inventory/version-tag.js'
import { SavedViewsService } from './saved-views.service.js'

const ViewParams = z.object({ id: Uuid })
type ViewParams = z.infer<typeof ViewParams>

function tagged(reply: FastifyReply, view: SavedView): SavedView {
  void reply.header('etag', versionTag(view.version))
  return view
}

/** Saved views, for the gateway. */
@Controller('api/v1/views')
@ForServices('api-gateway')
export class SavedViewsController {
  constructor(private readonly views: SavedViewsService) {}

  @Get()
  async list(
    @ValidQuery(ListSavedViewsQuery) query: ListSavedViewsQuery,
    @CurrentPrincipal() principal: Principal,
  ): Promise<SavedViewList> {
    return { items: await this.views.list(query.resource, principal) }
  }

  @Post()
  async create(
    @ValidBody(CreateSavedView) body: CreateSavedView,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SavedView> {
    return tagged(reply, await this.views.create(body, principal))
  }

  @Get(':id')
  async get(
    @ValidParams(ViewParams) { id }: ViewParams,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SavedView> {
    return tagged(reply, await this.views.get(id, principal))
  }

  @Patch(':id')
  async change(
    @ValidParams(ViewParams) { id }: ViewParams,
    @ValidBody(ChangeSavedView) body: ChangeSavedView,
    @Headers('if-match') ifMatch: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SavedView> {
    return tagged(reply, await this.views.change(id, body, ifMatch, principal))
  }

  @Delete(':id')
  @HttpCode(204)
  remove(
    @ValidParams(ViewParams) { id }: ViewParams,
    @Headers('if-match') ifMatch: string | undefined,
    @CurrentPrincipal() principal: Principal,
  ): Promise<void> {
    return this.views.remove(id, ifMatch, principal)
  }
}
