import { runService } from '@pharos/service-kit'
import { AppModule } from './app.module.js'
import { configurationDefinition } from './configuration.js'

await runService({
  definition: configurationDefinition,
  module: (configuration) => AppModule.register(configuration),
})
