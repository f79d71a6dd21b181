import { Module } from '@nestjs/common'
import { RegistryLimiter } from './registry-limiter.js'

/** Limits of registries, shared by all workers. */
@Module({ providers: [RegistryLimiter], exports: [RegistryLimiter] })
export class RegistriesModule {}
