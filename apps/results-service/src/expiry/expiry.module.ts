import { Module } from '@nestjs/common'
import { RetentionModule } from '../retention/retention.module.js'
import { ExpiryController } from './expiry.controller.js'
import { ExpiryRepository } from './expiry.repository.js'
import { ExpiryService } from './expiry.service.js'

@Module({ imports: [RetentionModule], controllers: [ExpiryController], providers: [ExpiryService, ExpiryRepository] })
export class ExpiryModule {}
