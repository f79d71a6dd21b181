import { Global, Module } from '@nestjs/common'
import { AuditLog } from './audit-log.js'
import { AuditController } from './audit.controller.js'
import { AuditService } from './audit.service.js'
import { AuditRepository } from './audit.repository.js'

@Global()
@Module({ controllers: [AuditController], providers: [AuditLog, AuditService, AuditRepository], exports: [AuditLog] })
export class AuditModule {}
