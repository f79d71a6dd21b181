import { All, Controller, Req, Res } from '@nestjs/common'
import { RawBody } from '@pharos/service-kit'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { RequestPipelineService } from './request-pipeline.service.js'

/** Every public request; the contract's route table says what it is for. */
@Controller('api/v1')
export class GatewayController {
  constructor(private readonly pipeline: RequestPipelineService) {}

  @All('*')
  @RawBody()
  handle(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.pipeline.handle(request, reply)
  }
}
