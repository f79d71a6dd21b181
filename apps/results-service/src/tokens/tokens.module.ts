import { Module } from '@nestjs/common'
import { TokensController } from './tokens.controller.js'
import { TokensRepository } from './tokens.repository.js'
import { TokensService } from './tokens.service.js'
import { TokenVerification } from './token-verification.js'

@Module({ controllers: [TokensController], providers: [TokensService, TokensRepository, TokenVerification], exports: [TokenVerification] })
export class TokensModule {}
