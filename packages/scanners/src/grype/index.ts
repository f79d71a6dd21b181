export { GrypeCommand } from './grype-command.js'
export { GrypeDatabases } from './grype-database.js'
export { mapGrypeReport } from './mapping.js'
export { GrypeReport } from './schema.js'
