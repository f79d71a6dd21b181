import { Controller, HttpCode, Post } from '@nestjs/common'
import { ForServices } from '@pharos/service-kit'
import { ExpiryService } from './expiry.service.js'

@Controller('internal/v1/expire')
@ForServices('scheduler')
export class ExpiryController {
  constructor(private readonly expiry: ExpiryService) {}

  @Post()
  @HttpCode(200)
  expire() {
    return this.expiry.expire()
  }
}
