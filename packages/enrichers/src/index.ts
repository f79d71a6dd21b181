export type { Enricher, EnricherSet, EnricherStep, ReadEnrichers } from './format/enricher-set.js'
export { readEnricherFiles } from './format/read-files.js'
