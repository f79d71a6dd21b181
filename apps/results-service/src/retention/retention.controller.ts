import { Controller, Get } from '@nestjs/common'
import type { RetentionPreview, StorageUsage } from '@pharos/contracts'
import { ForServices } from '@pharos/service-kit'
import { RetentionService } from './retention.service.js'
import { StorageUsageService } from './storage-usage.service.js'

/** What is kept, for the gateway. */
@Controller('api/v1/system')
@ForServices('api-gateway')
export class RetentionController {
  constructor(
    private readonly retention: RetentionService,
    private readonly storage: StorageUsageService,
  ) {}

  @Get('retention')
  preview(): Promise<RetentionPreview> {
    return this.retention.preview()
  }

  @Get('storage')
  usage(): Promise<StorageUsage> {
    return this.storage.read()
  }
}
