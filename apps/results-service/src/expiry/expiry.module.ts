import { Module } from '@nestjs/common'
import { ExpiryController } from './expiry.controller.js'
import { ExpiryRepository } from './expiry.repository.js'
import { ExpiryService } from './expiry.service.js'

@Module({ controllers: [ExpiryController], providers: [ExpiryService, ExpiryRepository] })
export class ExpiryModule {}
