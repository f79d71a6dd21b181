import { type DynamicModule, Module } from '@nestjs/common'
import type { ResultsConfiguration } from './configuration.js'
import { DatabaseModule } from './database/database.module.js'

/** results-service: orchestration and administration here, what was found in images in the inventory's modules. */
@Module({})
export class AppModule {
  static register(_configuration: ResultsConfiguration): DynamicModule {
    return {
      module: AppModule,
      imports: [
        DatabaseModule,
      ],
    }
  }
}
