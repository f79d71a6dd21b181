export { EngineClient, type EngineClientOptions, type EngineRestart } from './engine-client.js'
export { EngineProcess, type EngineProcessOptions } from './engine-process.js'
export { type EngineProbe, probeEngine } from './engine-probe.js'
export { engineCataloguerIdentity, EngineScanner } from './engine-scanner.js'
export { type EngineHello, type OpenedDatabase } from './schema.js'
export {
  type DescribedName,
  type MatchUnit,
  type UnitMatch,
  UnitMatcher,
  type UnitMatcherOptions,
  type UnitMatches,
} from './unit-matcher.js'
