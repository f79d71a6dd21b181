import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { Controller, Get, Headers, HttpCode, Post, Put, StreamableFile } from '@nestjs/common'
import { AttemptDeferral, AttemptFailure, AttemptProgress, attemptTokenHeader, ClaimAttempt, ResolvedImage, Uuid } from '@pharos/contracts'
import { ForServices, RawBody, StreamBody, ValidBody, ValidParams } from '@pharos/service-kit'
import { z } from 'zod'
import { AttemptClaimsService } from './attempt-claims.service.js'
import { AttemptCourseService } from './attempt-course.service.js'
import { AttemptResultsService } from './attempt-results.service.js'
import { AttemptSbomsService } from './attempt-sboms.service.js'
import { ReportDoor } from './report-door.js'

const IdParams = z.object({ id: Uuid })
type IdParams = z.infer<typeof IdParams>

const sbomLimitBytes = 512 * 1024 * 1024
const reportLimitBytes = 256 * 1024 * 1024

/** The attempt protocol for workers. Each call but the claim shows the attempt's token. */
@Controller('internal/v1/attempts')
@ForServices('scanner-worker')
export class AttemptsController {
  constructor(
    private readonly claims: AttemptClaimsService,
    private readonly course: AttemptCourseService,
    private readonly results: AttemptResultsService,
    private readonly sboms: AttemptSbomsService,
    private readonly door: ReportDoor,
  ) {}

  @Post('claim')
  @HttpCode(200)
  claim(@ValidBody(ClaimAttempt) body: ClaimAttempt) {
    return this.claims.claim(body)
  }

  @Post(':id/progress')
  @HttpCode(200)
  progress(
    @ValidParams(IdParams) { id }: IdParams,
    @Headers(attemptTokenHeader) token = '',
    @ValidBody(AttemptProgress) body: AttemptProgress,
  ) {
    return this.course.progress({ attemptId: id, token }, body)
  }

  @Post(':id/resolved')
  @HttpCode(200)
  resolved(
    @ValidParams(IdParams) { id }: IdParams,
    @Headers(attemptTokenHeader) token = '',
    @ValidBody(ResolvedImage) body: ResolvedImage,
  ) {
    return this.course.resolved({ attemptId: id, token }, body)
  }

  @Get(':id/sbom')
  async readSbom(@ValidParams(IdParams) { id }: IdParams, @Headers(attemptTokenHeader) token = '') {
    return new StreamableFile(await this.sboms.read({ attemptId: id, token }), { type: 'application/gzip' })
  }

  @Put(':id/sbom')
  @HttpCode(204)
  writeSbom(
    @ValidParams(IdParams) { id }: IdParams,
    @Headers(attemptTokenHeader) token = '',
    @StreamBody({ limitBytes: sbomLimitBytes }) body: Readable,
  ) {
    return this.sboms.write({ attemptId: id, token }, body)
  }

  @Post(':id/report')
  @RawBody()
  @HttpCode(200)
  report(
    @ValidParams(IdParams) { id }: IdParams,
    @Headers(attemptTokenHeader) token = '',
    @Headers('content-encoding') encoding: string | undefined,
    @Headers('content-length') length: string | undefined,
    @StreamBody({ limitBytes: reportLimitBytes }) body: Readable,
  ) {
    return this.door.open({ encoding, declaredBytes: Number(length ?? 0), read: () => buffer(body) }, (report) =>
      this.results.report({ attemptId: id, token }, report),
    )
  }

  @Post(':id/failed')
  @HttpCode(200)
  failed(
    @ValidParams(IdParams) { id }: IdParams,
    @Headers(attemptTokenHeader) token = '',
    @ValidBody(AttemptFailure) body: AttemptFailure,
  ) {
    return this.results.failed({ attemptId: id, token }, body)
  }

  @Post(':id/deferred')
  @HttpCode(200)
  async deferred(
    @ValidParams(IdParams) { id }: IdParams,
    @Headers(attemptTokenHeader) token = '',
    @ValidBody(AttemptDeferral) body: AttemptDeferral,
  ) {
    await this.course.deferred({ attemptId: id, token }, body)
    return {}
  }
}
