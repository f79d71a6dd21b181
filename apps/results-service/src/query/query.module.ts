import { Global, Module } from '@nestjs/common'
import { APP_INTERCEPTOR } from '@nestjs/core'
import { FleetWorkloadsController } from '../workloads/fleet-workloads.controller.js'
import { FleetWorkloadsRepository } from '../workloads/fleet-workloads.repository.js'
import { FleetWorkloadsService } from '../workloads/fleet-workloads.service.js'
import { FilterCompiler } from './filter-compiler.js'
import { FilterSets } from './filter-sets.js'
import { FleetListService } from './fleet-list.service.js'
import { ListAnswersInterceptor } from './list-answers.interceptor.js'

/** The filter language as SQL, for every feature that selects rows, and what all lists have in common. */
@Global()
@Module({
  controllers: [FleetWorkloadsController],
  providers: [
    FilterCompiler,
    FilterSets,
    FleetListService,
    FleetWorkloadsRepository,
    FleetWorkloadsService,
    { provide: APP_INTERCEPTOR, useClass: ListAnswersInterceptor },
  ],
  exports: [FilterCompiler, FleetListService],
})
export class QueryModule {}
