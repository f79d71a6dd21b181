import { Controller, Get, HttpCode, Post } from '@nestjs/common'
import { AcknowledgeEvents, ReadEvents } from '@pharos/contracts'
import { ForServices, ValidBody, ValidQuery } from '@pharos/service-kit'
import type { z } from 'zod'
import { EventLog } from './event-log.js'

/** The event log for services of Pharos. */
@Controller('internal/v1/events')
@ForServices('scheduler', 'scanner-worker', 'api-gateway')
export class EventsController {
  constructor(private readonly events: EventLog) {}

  @Get()
  async read(@ValidQuery(ReadEvents) query: z.infer<typeof ReadEvents>) {
    return { items: await this.events.read(query.consumer, query.limit, query.from) }
  }

  @Post('acknowledge')
  @HttpCode(204)
  acknowledge(@ValidBody(AcknowledgeEvents) body: z.infer<typeof AcknowledgeEvents>) {
    return this.events.acknowledge(body.consumer, body.cursor)
  }
}
