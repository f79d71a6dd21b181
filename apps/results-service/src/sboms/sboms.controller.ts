import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { Controller, HttpCode, Post } from '@nestjs/common'
import type { Principal } from '@pharos/contracts'
import { ForServices, RawBody, StreamBody, ValidQuery } from '@pharos/service-kit'
import { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import { PostedSbomsService } from './posted-sboms.service.js'

const SbomName = z.object({ name: z.string().min(1).max(255) })
type SbomName = z.infer<typeof SbomName>

const limitBytes = 64 * 1024 * 1024

@Controller('api/v1/sboms')
@ForServices('api-gateway')
export class SbomsController {
  constructor(private readonly sboms: PostedSbomsService) {}

  @Post()
  @RawBody()
  @HttpCode(202)
  async post(
    @StreamBody({ limitBytes }) body: Readable,
    @ValidQuery(SbomName) { name }: SbomName,
    @CurrentPrincipal() principal: Principal,
  ) {
    return this.sboms.post(await text(body), name, principal)
  }
}
