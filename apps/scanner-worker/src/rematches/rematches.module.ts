import { Module } from '@nestjs/common'
import { DatabasesModule } from '../databases/databases.module.js'
import { EnginesModule } from '../engines/engines.module.js'
import { Patience } from '../scans/patience.js'
import { RematchClient } from './rematch.client.js'
import { RematchEngine } from './rematch-engine.js'
import { RematchWorkerService, RematchWorkerTools } from './rematch-worker.service.js'

/** Packages of the fleet matched in another database, a chunk at a time. */
@Module({
  imports: [DatabasesModule, EnginesModule],
  providers: [Patience, RematchClient, RematchEngine, RematchWorkerTools, RematchWorkerService],
})
export class RematchesModule {}
