import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { Controller, Headers, HttpCode, Post } from '@nestjs/common'
import { ClaimRematchChunk, RematchChunkFailure, RematchChunkResults, rematchTokenHeader, Uuid } from '@pharos/contracts'
import { ForServices, RawBody, StreamBody, ValidBody, ValidParams } from '@pharos/service-kit'
import { z } from 'zod'
import { readGzipResults } from '../attempts/gzip-results.js'
import { RematchWorkService } from './rematch-work.service.js'

const ChunkParams = z.object({ id: Uuid, number: z.coerce.number().int().min(1) })
type ChunkParams = z.infer<typeof ChunkParams>

const resultsLimitBytes = 64 * 1024 * 1024

/** The work of re-matches, for workers. Each call but the claim shows the chunk's token. */
@Controller('internal/v1/rematches')
@ForServices('scanner-worker')
export class RematchChunksController {
  constructor(private readonly work: RematchWorkService) {}

  @Post('chunks/claim')
  @HttpCode(200)
  claim(@ValidBody(ClaimRematchChunk) body: ClaimRematchChunk) {
    return this.work.claim(body)
  }

  @Post(':id/chunks/:number/renew')
  @HttpCode(200)
  renew(@ValidParams(ChunkParams) { id, number }: ChunkParams, @Headers(rematchTokenHeader) token = '') {
    return this.work.renew({ rematchId: id, number, token })
  }

  @Post(':id/chunks/:number/deliver')
  @RawBody()
  @HttpCode(200)
  async deliver(
    @ValidParams(ChunkParams) { id, number }: ChunkParams,
    @Headers(rematchTokenHeader) token = '',
    @StreamBody({ limitBytes: resultsLimitBytes }) body: Readable,
  ) {
    return this.work.deliver(
      { rematchId: id, number, token },
      await readGzipResults(await buffer(body), RematchChunkResults, 'the re-match'),
    )
  }

  @Post(':id/chunks/:number/fail')
  @HttpCode(204)
  fail(
    @ValidParams(ChunkParams) { id, number }: ChunkParams,
    @Headers(rematchTokenHeader) token = '',
    @ValidBody(RematchChunkFailure) body: RematchChunkFailure,
  ) {
    return this.work.fail({ rematchId: id, number, token }, body)
  }
}
