import { Controller, HttpCode, Post } from '@nestjs/common'
import { EnqueueRescans } from '@pharos/contracts'
import { ForServices, ValidBody } from '@pharos/service-kit'
import type { z } from 'zod'
import { RescansService } from './rescans.service.js'

/** Rescans, asked for by the scheduler. */
@Controller('internal/v1/rescans')
@ForServices('scheduler')
export class RescansController {
  constructor(private readonly rescans: RescansService) {}

  @Post()
  @HttpCode(200)
  async enqueue(@ValidBody(EnqueueRescans) body: z.infer<typeof EnqueueRescans>) {
    return { affected: await this.rescans.enqueue(body) }
  }
}
