import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { Controller, Get, Headers, HttpCode, Post, StreamableFile } from '@nestjs/common'
import { ClaimEnrichment, EnrichmentFailure, EnrichmentResults, enrichmentTokenHeader, Uuid } from '@pharos/contracts'
import { ForServices, RawBody, StreamBody, ValidBody, ValidParams } from '@pharos/service-kit'
import { z } from 'zod'
import { readGzipResults } from '../attempts/gzip-results.js'
import { EnrichmentClaimsService } from './enrichment-claims.service.js'
import { EnrichmentDeliveriesService } from './enrichment-deliveries.service.js'

const ChunkParams = z.object({ chunkId: Uuid })
type ChunkParams = z.infer<typeof ChunkParams>

const resultsLimitBytes = 256 * 1024 * 1024

/** The work of enrichment, for workers. Each call but the claim shows the chunk's token. */
@Controller('internal/v1/enrichments')
@ForServices('scanner-worker')
export class EnrichmentWorkController {
  constructor(
    private readonly claims: EnrichmentClaimsService,
    private readonly deliveries: EnrichmentDeliveriesService,
  ) {}

  @Post('claim')
  @HttpCode(200)
  async claim(@ValidBody(ClaimEnrichment) body: ClaimEnrichment): Promise<StreamableFile> {
    return new StreamableFile(Readable.from(await this.claims.claim(body), { objectMode: false }), { type: 'application/x-ndjson' })
  }

  @Post(':chunkId/renew')
  @HttpCode(200)
  renew(@ValidParams(ChunkParams) { chunkId }: ChunkParams, @Headers(enrichmentTokenHeader) token = '') {
    return this.claims.renew({ chunkId, token })
  }

  @Post(':chunkId/deliver')
  @RawBody()
  @HttpCode(200)
  async deliver(
    @ValidParams(ChunkParams) { chunkId }: ChunkParams,
    @Headers(enrichmentTokenHeader) token = '',
    @StreamBody({ limitBytes: resultsLimitBytes }) body: Readable,
  ) {
    return this.deliveries.deliver({ chunkId, token }, await readGzipResults(await buffer(body), EnrichmentResults, 'the enrichment'))
  }

  @Post(':chunkId/fail')
  @HttpCode(204)
  fail(
    @ValidParams(ChunkParams) { chunkId }: ChunkParams,
    @Headers(enrichmentTokenHeader) token = '',
    @ValidBody(EnrichmentFailure) body: EnrichmentFailure,
  ) {
    return this.claims.fail({ chunkId, token }, body)
  }
}

const SetParams = z.object({ id: Uuid })

/** Files of sets, for workers. */
@Controller('internal/v1/enrichers/sets/:id/files')
@ForServices('scanner-worker')
export class EnricherFilesController {
  constructor(private readonly claims: EnrichmentClaimsService) {}

  @Get()
  files(@ValidParams(SetParams) { id }: z.infer<typeof SetParams>) {
    return this.claims.files(id)
  }
}
