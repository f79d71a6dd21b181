import { Controller, HttpCode, Post } from '@nestjs/common'
import { EngineCapability } from '@pharos/contracts'
import { ForServices, ValidBody } from '@pharos/service-kit'
import { z } from 'zod'
import { WorkersService } from './workers.service.js'

const WorkerHeartbeat = z.object({
  workerId: z.string().min(1).max(200),
  version: z.string().max(100),
  slots: z.int().min(0),
  busy: z.int().min(0),
  engines: z.array(EngineCapability).max(20),
})
type WorkerHeartbeat = z.infer<typeof WorkerHeartbeat>

@Controller('internal/v1/workers')
@ForServices('scanner-worker')
export class WorkersController {
  constructor(private readonly workers: WorkersService) {}

  @Post('heartbeat')
  @HttpCode(200)
  async heartbeat(@ValidBody(WorkerHeartbeat) { workerId, ...worker }: WorkerHeartbeat) {
    await this.workers.heartbeat({ id: workerId, ...worker })
    return {}
  }
}
