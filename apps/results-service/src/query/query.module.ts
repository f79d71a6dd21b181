import { Global, Module } from '@nestjs/common'
import { FilterCompiler } from './filter-compiler.js'
import { FilterSets } from './filter-sets.js'

/** The filter language as SQL, for every feature that selects rows. */
@Global()
@Module({ providers: [FilterCompiler, FilterSets], exports: [FilterCompiler] })
export class QueryModule {}
