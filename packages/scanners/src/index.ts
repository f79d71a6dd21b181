export * from './canary/index.js'
export * from './engine/index.js'
export * from './grype/index.js'
export { Catalogue, type CataloguedDistro } from './model/catalogue.js'
export {
  type Cataloguer,
  type CatalogueRequest,
  type DatabaseStatus,
  type EngineFindings,
  type EngineLimits,
  sampleDatabaseMarker,
  type Scanner,
  type ScanRequest,
  type UsedDatabase,
} from './model/scanner.js'
export { normaliseSeverity } from './model/severity.js'
export { identifyVulnerability, type VulnerabilityIdentity } from './model/vulnerability-identity.js'
export { runTool, type ToolRun, type ToolRunResult } from './process/process-runner.js'
export { WorkDirectories } from './process/work-directories.js'
export * from './syft/index.js'
export {
  locateTool,
  type ToolDefinition,
  toolDefinitions,
  type ToolLocation,
  type ToolName,
  type ToolSearch,
} from './tools/tool-location.js'
export type { ToolVersion } from './tools/tool-version.js'
export * from './trivy/index.js'
