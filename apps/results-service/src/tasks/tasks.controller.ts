import { text } from 'node:stream/consumers'
import type { Readable } from 'node:stream'
import { Body, Controller, Delete, Get, Headers, HttpCode, Post, Res } from '@nestjs/common'
import { ListScansQuery, type Principal, TaskSelection, Uuid } from '@pharos/contracts'
import { ForServices, RawBody, StreamBody, ValidBody, ValidParams, ValidQuery } from '@pharos/service-kit'
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import type { IdempotentAnswer } from '../idempotency/idempotency.service.js'
import { ScanResultService } from './scan-result.service.js'
import { TaskIntakeService } from './task-intake.service.js'
import { TasksService } from './tasks.service.js'

const IdParams = z.object({ id: Uuid })
type IdParams = z.infer<typeof IdParams>

const batchLimitBytes = 32 * 1024 * 1024

@Controller('api/v1/scans')
@ForServices('api-gateway')
export class TasksController {
  constructor(
    private readonly intake: TaskIntakeService,
    private readonly tasks: TasksService,
    private readonly results: ScanResultService,
  ) {}

  @Post()
  async submit(
    @Body() body: unknown,
    @Headers('idempotency-key') key: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @Res() reply: FastifyReply,
  ) {
    await send(reply, await this.intake.submit(body, key, principal))
  }

  @Post('-/batch')
  @RawBody()
  async submitBatch(
    @StreamBody({ limitBytes: batchLimitBytes }) body: Readable,
    @Headers('content-type') mediaType: string,
    @Headers('idempotency-key') idempotencyKey: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @Res() reply: FastifyReply,
  ) {
    await send(reply, await this.intake.submitBatch({ text: await text(body), mediaType, idempotencyKey }, principal))
  }

  @Post('-/replay')
  @HttpCode(200)
  async replay(@ValidBody(TaskSelection) selection: TaskSelection, @CurrentPrincipal() principal: Principal) {
    return { affected: await this.tasks.replay(selection, principal) }
  }

  @Post('-/cancel')
  @HttpCode(200)
  async cancelMany(@ValidBody(TaskSelection) selection: TaskSelection, @CurrentPrincipal() principal: Principal) {
    return { affected: await this.tasks.cancelMany(selection, principal) }
  }

  @Get()
  list(@ValidQuery(ListScansQuery) query: ListScansQuery, @CurrentPrincipal() principal: Principal) {
    return this.tasks.list(query, principal)
  }

  @Get(':id')
  get(@ValidParams(IdParams) { id }: IdParams, @CurrentPrincipal() principal: Principal) {
    return this.tasks.get(id, principal)
  }

  @Get(':id/result')
  result(@ValidParams(IdParams) { id }: IdParams, @CurrentPrincipal() principal: Principal) {
    return this.results.get(id, principal)
  }

  @Delete(':id')
  cancel(@ValidParams(IdParams) { id }: IdParams, @CurrentPrincipal() principal: Principal) {
    return this.tasks.cancel(id, principal)
  }
}

/** The answer is JSON text already: a replayed one must be the first one to the byte. */
async function send(reply: FastifyReply, { status, answer, isReplayed }: IdempotentAnswer): Promise<void> {
  if (isReplayed) reply.header('idempotency-replayed', 'true')
  await reply.status(status).type('application/json; charset=utf-8').send(answer)
}
