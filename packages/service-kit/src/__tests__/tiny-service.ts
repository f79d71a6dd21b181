import {
  defineConfiguration,
  httpParameters,
  loggingParameters,
  runService,
  serviceTrustParameters,
  shutdownParameters,
  tracingParameters,
} from '../index.js'
import { tinyEvents, TinyModule } from './tiny.module.js'

const definition = defineConfiguration('tiny', 'A service for tests.', {
  http: httpParameters({ port: 0 }),
  logging: loggingParameters(),
  tracing: tracingParameters(),
  shutdown: shutdownParameters(),
  trust: serviceTrustParameters(),
})

tinyEvents.slowStarted = () => {
  process.stdout.write('{"message":"slow started"}\n')
}

await runService({ definition, module: (configuration) => TinyModule.register(configuration.trust.keys) })
