import { createReadStream, createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { PharosError } from '@pharos/contracts'
import type { EngineFindings, Scanner, ScanRequest } from '../model/scanner.js'
import { readJsonFile } from '../process/json-file.js'
import { runForReport } from '../process/run-for-report.js'
import { readImportDigest } from './grype-database.js'
import { grypeEnvironment } from './grype-environment.js'
import { grypeProblem } from './grype-problem.js'
import { mapGrypeReport } from './mapping.js'
import { GrypeReport } from './schema.js'

/** Matches with the `grype` command: the reference, and the fallback where no engine is built. */
export class GrypeCommand implements Scanner {
  readonly engine = 'grype'

  constructor(
    private readonly program: string,
    readonly version: string,
  ) {}

  async scan(request: ScanRequest): Promise<EngineFindings> {
    const { databaseDirectory, workDirectory } = request
    if (databaseDirectory === null)
      throw new PharosError('database-missing', 'No vulnerability database for grype has been imported or downloaded yet.')
    const plainSbomPath = join(workDirectory, 'grype-sbom.json')
    const reportPath = join(workDirectory, 'grype-report.json')
    try {
      // grype reads no gzip.
      await pipeline(createReadStream(request.sbomPath), createGunzip(), createWriteStream(plainSbomPath, { mode: 0o600 }))
      return await this.match(`sbom:${plainSbomPath}`, reportPath, databaseDirectory, request)
    } finally {
      await rm(plainSbomPath, { force: true })
      await rm(reportPath, { force: true })
    }
  }

  private async match(source: string, reportPath: string, databaseDirectory: string, request: ScanRequest): Promise<EngineFindings> {
    await runForReport(
      {
        tool: 'grype',
        program: this.program,
        args: ['-o', 'json', '--', source],
        environment: grypeEnvironment(databaseDirectory),
        reportPath,
        problemOf: grypeProblem,
      },
      request,
    )
    const report = await readJsonFile(reportPath, {
      schema: GrypeReport,
      name: 'The report of grype',
      limitBytes: request.limits.outputLimitBytes,
      problem: 'engine-output-invalid',
    })
    const findings = mapGrypeReport(report, request.catalogue)
    if (findings.database === null)
      throw new PharosError('engine-output-invalid', 'The report of grype does not name the database that it was made with.')
    return {
      ...findings,
      database: { ...findings.database, checksum: findings.database.checksum ?? (await readImportDigest(databaseDirectory)) },
    }
  }
}
