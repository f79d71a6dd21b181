import { Module } from '@nestjs/common'
import { PasswordVerification } from './password-verification.js'
import { UsersController } from './users.controller.js'
import { UsersRepository } from './users.repository.js'
import { UsersService } from './users.service.js'

@Module({
  controllers: [UsersController],
  providers: [UsersService, UsersRepository, PasswordVerification],
  exports: [PasswordVerification],
})
export class UsersModule {}
