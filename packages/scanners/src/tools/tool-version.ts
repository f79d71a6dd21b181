import { PharosError } from '@pharos/contracts'
import { runTool } from '../process/process-runner.js'
import type { ToolDefinition } from './tool-location.js'

/** Longest time that a tool may take to say its version. */
const probeTimeoutMs = 5_000
const probeOutputLimitBytes = 64 * 1024

export type ToolVersion =
  | { readonly outcome: 'read'; readonly version: string }
  | { readonly outcome: 'unreadable'; readonly reason: string }

/** Asks a tool for its version. */
export async function readToolVersion(definition: ToolDefinition, path: string, workDirectory: string): Promise<ToolVersion> {
  try {
    const result = await runTool({
      tool: definition.name,
      program: path,
      args: definition.versionArgs,
      workDirectory,
      output: { limitBytes: probeOutputLimitBytes },
      timeoutMs: probeTimeoutMs,
      environment: { GRYPE_CHECK_FOR_APP_UPDATE: 'false', SYFT_CHECK_FOR_APP_UPDATE: 'false' },
    })
    const version = parseToolVersion(result.stdout.toString('utf8'))
    if (result.exitCode !== 0)
      return { outcome: 'unreadable', reason: `it ended with exit code ${result.exitCode} when asked for its version.` }
    return version === undefined ? { outcome: 'unreadable', reason: 'it prints no version.' } : { outcome: 'read', version }
  } catch (error) {
    if (error instanceof PharosError) return { outcome: 'unreadable', reason: error.detail }
    throw error
  }
}

/** The version in what a tool prints: `Version:  0.121.2` or a bare `v1.2.3`. */
export function parseToolVersion(output: string): string | undefined {
  const labelled = /^\s*version:\s*v?(\d+\.\d+[\w.+-]*)/im.exec(output)?.[1]
  return labelled ?? /\bv?(\d+\.\d+\.\d+[\w.+-]*)/.exec(output)?.[1]
}
