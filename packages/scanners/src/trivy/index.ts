export { TrivyCommand, type TrivyServer } from './trivy-command.js'
export { TrivyDatabases } from './trivy-database.js'
export { mapTrivyReport } from './mapping.js'
export { TrivyReport } from './schema.js'
