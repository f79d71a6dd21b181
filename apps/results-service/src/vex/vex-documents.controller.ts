import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { Controller, Delete, Get, Headers, HttpCode, Post, Put, Res, StreamableFile } from '@nestjs/common'
import {
  ListVexDocumentsQuery,
  PageQuery,
  type Principal,
  PutVexTrust,
  Uuid,
  type VexConflictPage,
  type VexDocument,
  type VexDocumentPage,
  type VexTrust,
} from '@pharos/contracts'
import { ForServices, RawBody, StreamBody, ValidBody, ValidParams, ValidQuery } from '@pharos/service-kit'
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import { visibleRepositories } from '../access/repository-scope.js'
import { versionTag } from '../inventory/version-tag.js'
import { VexConflictsService } from './vex-conflicts.service.js'
import { VexDocumentsService } from './vex-documents.service.js'
import { VexTrustService } from './vex-trust.service.js'

const DocumentParams = z.object({ id: Uuid })
type DocumentParams = z.infer<typeof DocumentParams>

const limitBytes = 16 * 1024 * 1024

/** VEX documents, whom to trust, and where they contradict, for the gateway. */
@Controller('api/v1/vex')
@ForServices('api-gateway')
export class VexDocumentsController {
  constructor(
    private readonly documents: VexDocumentsService,
    private readonly trust: VexTrustService,
    private readonly conflicts: VexConflictsService,
  ) {}

  @Post('documents')
  @RawBody()
  async upload(
    @StreamBody({ limitBytes }) body: Readable,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<VexDocument> {
    const { document, isNew } = await this.documents.upload(await text(body), principal)
    void reply.status(isNew ? 201 : 200)
    return document
  }

  @Get('documents')
  list(
    @ValidQuery(ListVexDocumentsQuery) query: ListVexDocumentsQuery,
    @CurrentPrincipal() principal: Principal,
  ): Promise<VexDocumentPage> {
    return this.documents.list(query, principal)
  }

  @Get('documents/:id')
  get(@ValidParams(DocumentParams) { id }: DocumentParams, @CurrentPrincipal() principal: Principal): Promise<VexDocument> {
    return this.documents.get(id, principal)
  }

  @Get('documents/:id/content')
  async content(@ValidParams(DocumentParams) { id }: DocumentParams, @CurrentPrincipal() principal: Principal): Promise<StreamableFile> {
    return new StreamableFile(await this.documents.content(id, principal), { type: 'application/json' })
  }

  @Delete('documents/:id')
  @HttpCode(204)
  remove(@ValidParams(DocumentParams) { id }: DocumentParams, @CurrentPrincipal() principal: Principal): Promise<void> {
    return this.documents.remove(id, principal)
  }

  @Get('trust')
  async getTrust(@Res({ passthrough: true }) reply: FastifyReply): Promise<VexTrust> {
    const trust = await this.trust.get()
    void reply.header('etag', versionTag(trust.version))
    return trust
  }

  @Put('trust')
  async putTrust(
    @ValidBody(PutVexTrust) body: PutVexTrust,
    @Headers('if-match') ifMatch: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<VexTrust> {
    const trust = await this.trust.put(body, ifMatch, principal)
    void reply.header('etag', versionTag(trust.version))
    return trust
  }

  @Get('conflicts')
  listConflicts(@ValidQuery(PageQuery) query: PageQuery, @CurrentPrincipal() principal: Principal): Promise<VexConflictPage> {
    return this.conflicts.list(query, visibleRepositories(principal))
  }
}
