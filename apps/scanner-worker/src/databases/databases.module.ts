import { Module } from '@nestjs/common'
import { EnginesModule } from '../engines/engines.module.js'
import { GenerationStore } from './generation-store.js'

/** Vulnerability databases by checksum. */
@Module({ imports: [EnginesModule], providers: [GenerationStore], exports: [GenerationStore] })
export class DatabasesModule {}
