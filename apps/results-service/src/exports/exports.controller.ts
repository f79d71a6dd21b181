import { createGzip } from 'node:zlib'
import { pipeline, type Readable } from 'node:stream'
import { Controller, Get, Headers, Res, StreamableFile } from '@nestjs/common'
import { ExportQuery, ExportResource, type Principal } from '@pharos/contracts'
import { ForServices, ValidParams, ValidQuery } from '@pharos/service-kit'
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import { ExportsService } from './exports.service.js'

const ExportParams = z.object({ resource: ExportResource })

/** Exports for the gateway. */
@Controller('api/v1/export')
@ForServices('api-gateway')
export class ExportsController {
  constructor(private readonly exports: ExportsService) {}

  @Get(':resource')
  async open(
    @ValidParams(ExportParams) { resource }: z.infer<typeof ExportParams>,
    @ValidQuery(ExportQuery) query: ExportQuery,
    @CurrentPrincipal() principal: Principal,
    @Headers('accept-encoding') accepted: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<StreamableFile> {
    const lines = await this.exports.open(resource, query, principal)
    void reply.header('vary', 'accept-encoding').header('cache-control', 'no-store')
    if (!/(^|,)\s*gzip\s*(;\s*q=(?!0(\.0*)?\s*(,|$))[^,]*)?(,|$)/.test(accepted ?? '')) return fileOf(lines)
    void reply.header('content-encoding', 'gzip')
    // Errors end the stream without its end line, which is how a client knows.
    return fileOf(pipeline(lines, createGzip(), () => undefined))
  }
}

function fileOf(stream: Readable): StreamableFile {
  return new StreamableFile(stream, { type: 'application/x-ndjson' })
}
