export { configMapFiles } from './format/config-map.js'
export type { Enricher, EnricherSet, EnricherStep, ReadEnrichers } from './format/enricher-set.js'
export { readEnricherFiles, type ReadOptions } from './format/read-files.js'
export { setLimits } from './format/set-files.js'
export {
  type LibraryEnricher,
  libraryEnrichers,
  librarySet,
  newEnricher,
  type NewEnricherEngine,
  newEnricherEngines,
} from './library/library.js'
export { samplePayload } from './library/sample-payload.js'
export { createEnricherRunner, type EnricherRunner, runnerOver, type RunnerOptions } from './run/enricher-runner.js'
export { fetchEnricherSource, fetchEnricherSources, type FetchedSources } from './sources/fetch-sources.js'
export type { GitProgram } from './sources/git-command.js'
export type { GitOptions } from './sources/git-folder.js'
export { readEnricherFolder, type ReadFolder, readFolderFiles } from './sources/read-folder.js'
export { type EnricherTestResult, runEnricherTests } from './testing/enricher-tests.js'
