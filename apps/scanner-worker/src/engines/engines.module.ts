import { Global, Module } from '@nestjs/common'
import { EngineTools } from './engine-tools.js'
import { SlotEngines } from './slot-engines.js'

/** The scanners of this machine, and one engine process a slot. */
@Global()
@Module({ providers: [EngineTools, SlotEngines], exports: [EngineTools, SlotEngines] })
export class EnginesModule {}
