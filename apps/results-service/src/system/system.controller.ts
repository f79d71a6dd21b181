import { Controller, Get } from '@nestjs/common'
import { ForServices } from '@pharos/service-kit'
import { SystemService } from './system.service.js'

@Controller('api/v1/system')
@ForServices('api-gateway')
export class SystemController {
  constructor(private readonly system: SystemService) {}

  @Get()
  status() {
    return this.system.status()
  }
}
