export { readCatalogue } from './read-catalogue.js'
export { mapSyftDocument } from './mapping.js'
export { SyftArtifact, SyftDocument } from './schema.js'
export { SyftCommand } from './syft-command.js'
