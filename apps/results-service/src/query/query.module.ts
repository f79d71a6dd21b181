import { Global, Module } from '@nestjs/common'
import { FleetWorkloadsController } from '../workloads/fleet-workloads.controller.js'
import { FleetWorkloadsRepository } from '../workloads/fleet-workloads.repository.js'
import { FleetWorkloadsService } from '../workloads/fleet-workloads.service.js'
import { FilterCompiler } from './filter-compiler.js'
import { FilterSets } from './filter-sets.js'
import { FleetListService } from './fleet-list.service.js'

/** The filter language as SQL, for every feature that selects rows. */
@Global()
@Module({
  controllers: [FleetWorkloadsController],
  providers: [FilterCompiler, FilterSets, FleetListService, FleetWorkloadsRepository, FleetWorkloadsService],
  exports: [FilterCompiler, FleetListService],
})
export class QueryModule {}
