export { EngineClient, type EngineClientOptions, type EngineRestart } from './engine-client.js'
export { EngineProcess, type EngineProcessOptions } from './engine-process.js'
export { engineCataloguerIdentity, EngineScanner } from './engine-scanner.js'
export { type EngineHello, type OpenedDatabase } from './schema.js'
