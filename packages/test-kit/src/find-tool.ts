import { existsSync } from 'node:fs'
import { toolPath } from './paths.js'
import { findOnPath } from './process/find-on-path.js'

/** Where a tool stands: among those of this repository, else on PATH. */
export function findTool(name: string): string | undefined {
  return existsSync(toolPath(name)) ? toolPath(name) : findOnPath(name)
}
