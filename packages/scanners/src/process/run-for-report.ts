import { PharosError } from '@pharos/contracts'
import type { EngineLimits } from '../model/scanner.js'
import { runTool, type ToolRun } from './process-runner.js'

/** A run of a tool whose answer is a document on its standard output. */
export interface ReportRun extends Pick<ToolRun, 'tool' | 'program' | 'args' | 'environment'> {
  /** Where the document goes. */
  readonly reportPath: string
  /** The problem of an exit code that is not 0, with the end of standard error. */
  readonly problemOf: (exitCode: number, stderr: string) => PharosError
}

/** The bounds of the request that the run is part of. */
export interface RunBounds {
  readonly workDirectory: string
  readonly limits: EngineLimits
  readonly signal: AbortSignal
}

/** Runs the tool; the report stands in its file then, and is not empty. A tool that says nothing and succeeds has failed. */
export async function runForReport(
  { reportPath, problemOf, ...run }: ReportRun,
  { workDirectory, limits, signal }: RunBounds,
): Promise<void> {
  const result = await runTool({
    ...run,
    workDirectory,
    output: { path: reportPath, limitBytes: limits.outputLimitBytes },
    timeoutMs: limits.timeoutMs,
    memoryLimitBytes: limits.memoryLimitBytes,
    signal,
  })
  if (result.exitCode !== 0) throw problemOf(result.exitCode, result.stderr)
  if (result.outputBytes === 0)
    throw new PharosError(
      'engine-output-invalid',
      `${run.tool} ended with exit code 0 but printed nothing. ${result.stderr.slice(-600)}`.trim(),
    )
}
