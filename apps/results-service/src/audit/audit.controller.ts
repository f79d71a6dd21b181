import { Controller, Get } from '@nestjs/common'
import { ListAuditQuery } from '@pharos/contracts'
import { ForServices, ValidQuery } from '@pharos/service-kit'
import { type AuditQuery, AuditService } from './audit.service.js'

@Controller('api/v1/audit')
@ForServices('api-gateway')
export class AuditController {
  constructor(private readonly audit: AuditService) {}

  @Get()
  list(@ValidQuery(ListAuditQuery) query: AuditQuery) {
    return this.audit.list(query)
  }
}
