import { mkdir, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { PharosError } from '@pharos/contracts'
import type { EngineFindings, Scanner, ScanRequest, UsedDatabase } from '../model/scanner.js'
import { readJsonFile } from '../process/json-file.js'
import { runForReport } from '../process/run-for-report.js'
import { mapTrivyReport } from './mapping.js'
import { TrivyReport } from './schema.js'
import { readTrivyDatabase } from './trivy-database.js'

/** Flags that keep every run off the network (reference: Trivy 0.74.0, pkg/flag). */
const offlineFlags = [
  '--skip-db-update',
  '--skip-java-db-update',
  '--skip-check-update',
  '--offline-scan',
  '--skip-version-check',
  '--disable-telemetry',
  '--skip-vex-repo-update',
] as const

/** A Trivy server that holds the database; the client still reads the image itself. */
export interface TrivyServer {
  readonly url: string
  /** Sent in the header Trivy-Token; given by the environment, never as an argument. */
  readonly token?: string | undefined
}

/** Scans with the `trivy` command in image mode. */
export class TrivyCommand implements Scanner {
  readonly engine = 'trivy'

  constructor(
    private readonly program: string,
    readonly version: string,
    private readonly server?: TrivyServer,
  ) {}

  async scan(request: ScanRequest): Promise<EngineFindings> {
    const { layoutDirectory, workDirectory, limits } = request
    if (layoutDirectory === null) throw new PharosError('engine-unavailable', 'Trivy reads images; this scan has an SBOM only.')
    const reportPath = join(workDirectory, 'trivy-report.json')
    const cacheDirectory = join(workDirectory, 'trivy-cache')
    try {
      const database = await this.prepareCache(cacheDirectory, request.databaseDirectory)
      await runForReport(
        {
          tool: 'trivy',
          program: this.program,
          args: this.arguments(layoutDirectory, cacheDirectory),
          environment: this.server?.token === undefined ? {} : { TRIVY_TOKEN: this.server.token },
          reportPath,
          problemOf: trivyProblem,
        },
        request,
      )
      const report = await readJsonFile(reportPath, {
        schema: TrivyReport,
        name: 'The report of trivy',
        limitBytes: limits.outputLimitBytes,
        problem: 'engine-output-invalid',
      })
      const findings = mapTrivyReport(report, request.catalogue)
      return { ...findings, engineVersion: findings.engineVersion ?? this.version, database }
    } finally {
      await rm(reportPath, { force: true })
      await rm(cacheDirectory, { recursive: true, force: true })
    }
  }

  /** A cache of its own for each run, with the shared database linked in: Trivy locks its scan cache for one process. */
  private async prepareCache(cacheDirectory: string, databaseDirectory: string | null): Promise<UsedDatabase | null> {
    await mkdir(cacheDirectory, { recursive: true })
    if (this.server !== undefined) return null
    if (databaseDirectory === null)
      throw new PharosError('database-missing', 'No vulnerability database for trivy has been imported or downloaded yet.')
    const database = await readTrivyDatabase(databaseDirectory)
    await symlink(join(databaseDirectory, 'db'), join(cacheDirectory, 'db'))
    return database
  }

  private arguments(layoutDirectory: string, cacheDirectory: string): string[] {
    return [
      'image',
      '--input',
      layoutDirectory,
      '--format',
      'json',
      '--list-all-pkgs',
      '--scanners',
      'vuln,misconfig,secret',
      '--image-config-scanners',
      'misconfig,secret',
      '--cache-dir',
      cacheDirectory,
      ...offlineFlags,
      ...(this.server === undefined ? [] : ['--server', this.server.url]),
      '--no-progress',
    ]
  }
}

const patterns = [
  [/no space left on device/i, 'disk-full'],
  [
    /(?:database error|db error).*(?:first run|cannot be skipped)|--skip-db-update cannot be specified on the first run/i,
    'database-missing',
  ],
  [/invalid database|checksum error|db corrupted|unexpected EOF.*bbolt|file size too small/i, 'database-damaged'],
  [/schema version|the version of the database/i, 'database-unsupported'],
  [
    /unable to (?:open|initialize).*(?:image|layout|archive)|failed to (?:parse|extract).*(?:layer|image)|unsupported MediaType/i,
    'image-corrupt',
  ],
  [/connection refused|unable to reach|twirp error/i, 'engine-unavailable'],
] as const

function trivyProblem(exitCode: number, stderr: string): PharosError {
  const code = patterns.find(([pattern]) => pattern.test(stderr))?.[1] ?? 'engine-failed'
  return new PharosError(code, `trivy ended with exit code ${exitCode}. ${stderr.slice(-600)}`.trim())
}
