import type { Readable } from 'node:stream'
import { Controller, Get, HttpCode, Post } from '@nestjs/common'
import { EngineName, ImportDatabaseQuery, PageQuery, type Principal } from '@pharos/contracts'
import { ForServices, RawBody, StreamBody, ValidQuery } from '@pharos/service-kit'
import type { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import { GenerationsService } from './generations.service.js'

const ListDatabasesQuery = PageQuery.extend({ engine: EngineName.optional() })
const limitArchiveBytes = 2048 * 1024 * 1024

/** Vulnerability databases, for the gateway. */
@Controller('api/v1/databases')
@ForServices('api-gateway')
export class DatabasesController {
  constructor(private readonly generations: GenerationsService) {}

  @Get()
  list(@ValidQuery(ListDatabasesQuery) query: z.infer<typeof ListDatabasesQuery>) {
    return this.generations.list(query)
  }

  @Post('-/import')
  @HttpCode(202)
  @RawBody()
  import(
    @ValidQuery(ImportDatabaseQuery) query: z.infer<typeof ImportDatabaseQuery>,
    @StreamBody({ limitBytes: limitArchiveBytes }) body: Readable,
    @CurrentPrincipal() principal: Principal,
  ) {
    return this.generations.import(query, body, principal)
  }
}
