import { Module } from '@nestjs/common'
import { AuditLog } from '../audit/audit-log.js'
import { SavedViewsController } from './saved-views.controller.js'
import { SavedViewsRepository } from './saved-views.repository.js'
import { SavedViewsService } from './saved-views.service.js'

/** Views that people save. */
@Module({ controllers: [SavedViewsController], providers: [SavedViewsService, SavedViewsRepository, AuditLog] })
export class SavedViewsModule {}
