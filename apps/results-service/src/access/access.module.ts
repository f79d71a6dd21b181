import { Module } from '@nestjs/common'
import { TokensModule } from '../tokens/tokens.module.js'
import { UsersModule } from '../users/users.module.js'
import { AccessController } from './access.controller.js'

@Module({ imports: [TokensModule, UsersModule], controllers: [AccessController] })
export class AccessModule {}
