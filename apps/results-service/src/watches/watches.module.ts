import { Module } from '@nestjs/common'
import { RegistriesModule } from '../registries/registries.module.js'
import { TaskLedgerModule } from '../tasks/task-ledger.module.js'
import { WatchObservationsService } from './watch-observations.service.js'
import { WatchTargets } from './watch-targets.js'
import { WatchesController } from './watches.controller.js'
import { WatchesRepository } from './watches.repository.js'
import { WatchesService } from './watches.service.js'

@Module({
  imports: [RegistriesModule, TaskLedgerModule],
  controllers: [WatchesController],
  providers: [WatchesService, WatchesRepository, WatchObservationsService, WatchTargets],
  exports: [WatchObservationsService, WatchTargets],
})
export class WatchesModule {}
