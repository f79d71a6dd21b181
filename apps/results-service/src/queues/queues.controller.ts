import { Controller, Get, HttpCode, Post } from '@nestjs/common'
import { type Principal, Priority } from '@pharos/contracts'
import { ForServices, ValidParams } from '@pharos/service-kit'
import { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import { QueuesService } from './queues.service.js'

const LaneParams = z.object({ lane: Priority })
type LaneParams = z.infer<typeof LaneParams>

@Controller('api/v1/queues')
@ForServices('api-gateway')
export class QueuesController {
  constructor(private readonly queues: QueuesService) {}

  @Get()
  async list() {
    return { items: await this.queues.list() }
  }

  @Post(':lane/-/pause')
  @HttpCode(200)
  pause(@ValidParams(LaneParams) { lane }: LaneParams, @CurrentPrincipal() principal: Principal) {
    return this.queues.setPause(lane, true, principal)
  }

  @Post(':lane/-/resume')
  @HttpCode(200)
  resume(@ValidParams(LaneParams) { lane }: LaneParams, @CurrentPrincipal() principal: Principal) {
    return this.queues.setPause(lane, false, principal)
  }
}
