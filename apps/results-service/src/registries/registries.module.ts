import { Module } from '@nestjs/common'
import { CredentialVault } from './credential-vault.js'
import { RegistriesController } from './registries.controller.js'
import { RegistriesRepository } from './registries.repository.js'
import { RegistriesService } from './registries.service.js'
import { RegistryAccessService } from './registry-access.service.js'

@Module({
  controllers: [RegistriesController],
  providers: [RegistriesService, RegistriesRepository, RegistryAccessService, CredentialVault],
  exports: [RegistryAccessService],
})
export class RegistriesModule {}
