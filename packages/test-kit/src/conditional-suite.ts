import { describe } from 'vitest'
import { findTool } from './find-tool.js'

/** A suite that needs tools; without them it is reported as skipped, with the missing ones in its name. */
export function describeIfTool(names: string | string[], title: string, suite: () => void): void {
  const missing = [names].flat().filter((name) => findTool(name) === undefined)
  if (missing.length === 0) describe(title, suite)
  else describe.skip(`${title} (skipped: ${missing.join(', ')} not found in the tools folder or on PATH)`, suite)
}
