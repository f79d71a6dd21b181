import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PharosError } from '@pharos/contracts'
import { z } from 'zod'
import { type DatabaseStatus, sampleDatabaseMarker } from '../model/scanner.js'
import { timestampOrNull } from '../model/timestamp.js'
import { parseJson } from '../process/json-file.js'
import { runTool } from '../process/process-runner.js'
import { nameByForm } from './archive-form.js'
import { grypeEnvironment } from './grype-environment.js'
import { grypeProblem } from './grype-problem.js'

/** Larger databases exist, slower disks too. */
const importTimeoutMs = 10 * 60_000
const outputLimitBytes = 1024 * 1024

const StatusOutput = z.object({
  schemaVersion: z.string(),
  built: z.string().nullish(),
  valid: z.boolean().nullish(),
  error: z.string().nullish(),
})
const ProvidersOutput = z.array(z.object({ name: z.string() }))
const ImportMetadata = z.object({ digest: z.string() })

/** Databases of grype: each imported into a folder of its own by `grype db import`, which verifies it. */
export class GrypeDatabases {
  constructor(private readonly program: string) {}

  /**
   * Imports an archive (tar.zst, tar.gz, tar.xz) into an empty folder.
   * @throws PharosError `database-damaged`, `database-unsupported`, `disk-full`
   */
  async import(archivePath: string, directory: string, workDirectory: string, signal?: AbortSignal): Promise<DatabaseStatus> {
    const archive = await nameByForm(archivePath, workDirectory)
    const result = await this.run(['db', 'import', '--', archive], directory, workDirectory, signal)
    if (result.exitCode !== 0) {
      const problem = grypeProblem(result.exitCode, result.stderr)
      // Whatever an import stumbles over is in the archive, unless its message says otherwise.
      throw problem.code === 'engine-failed' || problem.code === 'database-missing'
        ? new PharosError('database-damaged', problem.detail)
        : problem
    }
    return this.status(directory, workDirectory, signal)
  }

  /** @throws PharosError `database-missing`, `database-damaged`, `database-unsupported` */
  async status(directory: string, workDirectory: string, signal?: AbortSignal): Promise<DatabaseStatus> {
    const result = await this.run(['db', 'status', '-o', 'json'], directory, workDirectory, signal)
    if (result.exitCode !== 0) {
      const problem = grypeProblem(result.exitCode, `${result.stdout.toString('utf8')} ${result.stderr}`)
      throw problem.code === 'engine-failed' ? new PharosError('database-damaged', problem.detail) : problem
    }
    const status = parseJson(result.stdout, {
      schema: StatusOutput,
      name: 'The database status of grype',
      limitBytes: outputLimitBytes,
      problem: 'engine-output-invalid',
    })
    if (status.valid === false) throw new PharosError('database-damaged', status.error ?? 'grype calls the database invalid.')
    const providers = await this.run(['db', 'providers', '-o', 'json'], directory, workDirectory, signal)
    if (providers.exitCode !== 0) throw grypeProblem(providers.exitCode, providers.stderr)
    const names = parseJson(providers.stdout, {
      schema: ProvidersOutput,
      name: 'The provider list of grype',
      limitBytes: outputLimitBytes,
      problem: 'engine-output-invalid',
    })
    return {
      engine: 'grype',
      directory,
      schemaVersion: status.schemaVersion,
      builtAt: timestampOrNull(status.built),
      checksum: await readImportDigest(directory),
      isSample: names.some(({ name }) => name === sampleDatabaseMarker),
    }
  }

  private run(args: string[], directory: string, workDirectory: string, signal: AbortSignal | undefined) {
    return runTool({
      tool: 'grype',
      program: this.program,
      args,
      workDirectory,
      environment: grypeEnvironment(directory),
      output: { limitBytes: outputLimitBytes },
      timeoutMs: importTimeoutMs,
      ...(signal === undefined ? {} : { signal }),
    })
  }
}

/** The digest that grype wrote down when it imported the database; null when it did not. */
export async function readImportDigest(directory: string): Promise<string | null> {
  try {
    const parsed = ImportMetadata.safeParse(JSON.parse(await readFile(join(directory, '6', 'import.json'), 'utf8')))
    return parsed.success ? parsed.data.digest : null
  } catch {
    return null
  }
}
