import type { Readable } from 'node:stream'
import { Controller, Get, HttpCode, Post, Put, StreamableFile } from '@nestjs/common'
import { CreateGeneration, DatabaseGeneration, EngineName, GenerationVerdict, PageQuery, Uuid } from '@pharos/contracts'
import { AllowServices, ForServices, RawBody, StreamBody, ValidBody, ValidParams, ValidQuery } from '@pharos/service-kit'
import { z } from 'zod'
import { GenerationStore } from './generation-store.js'
import { GenerationsService } from './generations.service.js'

const IdParams = z.object({ id: Uuid })
type IdParams = z.infer<typeof IdParams>
const ListGenerationsQuery = PageQuery.extend({
  engine: EngineName.optional(),
  state: DatabaseGeneration.shape.state.optional(),
  unjudged: z.literal('true').optional(),
})
const limitArchiveBytes = 2048 * 1024 * 1024

/** Generations of databases, for the scheduler, and their archives for workers. */
@Controller('internal/v1/generations')
@ForServices('scheduler')
export class GenerationsController {
  constructor(
    private readonly generations: GenerationsService,
    private readonly store: GenerationStore,
  ) {}

  @Get()
  list(@ValidQuery(ListGenerationsQuery) query: z.infer<typeof ListGenerationsQuery>) {
    return this.generations.list(query)
  }

  @Post()
  @HttpCode(201)
  create(@ValidBody(CreateGeneration) body: z.infer<typeof CreateGeneration>): Promise<DatabaseGeneration> {
    return this.store.create(body)
  }

  @Put(':id/archive')
  @RawBody()
  write(
    @ValidParams(IdParams) { id }: IdParams,
    @StreamBody({ limitBytes: limitArchiveBytes }) body: Readable,
  ): Promise<DatabaseGeneration> {
    return this.store.writeArchive(id, body)
  }

  @Get(':id/archive')
  @AllowServices('scheduler', 'scanner-worker')
  async read(@ValidParams(IdParams) { id }: IdParams): Promise<StreamableFile> {
    const { body, sizeBytes } = await this.store.readArchive(id)
    return new StreamableFile(body, { type: 'application/octet-stream', length: sizeBytes })
  }

  @Post(':id/verdict')
  @HttpCode(200)
  verdict(
    @ValidParams(IdParams) { id }: IdParams,
    @ValidBody(GenerationVerdict) body: z.infer<typeof GenerationVerdict>,
  ): Promise<DatabaseGeneration> {
    return this.store.verdict(id, body)
  }
}
