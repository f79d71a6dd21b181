import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type CataloguerIdentity, type FailureReason, PharosError } from '@pharos/contracts'
import { z } from 'zod'
import { mapGrypeReport } from '../grype/mapping.js'
import { GrypeReport } from '../grype/schema.js'
import type { Cataloguer, CatalogueRequest, EngineFindings, EngineLimits, Scanner, ScanRequest } from '../model/scanner.js'
import type { Catalogue } from '../model/catalogue.js'
import { timestampOrNull } from '../model/timestamp.js'
import { readJsonFile } from '../process/json-file.js'
import { readJsonLines } from '../process/json-lines.js'
import type { EngineClient } from './engine-client.js'
import { EngineCatalogue, type EngineHello, EngineMatch, EngineUnit } from './schema.js'

/** Syft's library in the engine, under the grype command's own options. */
export function engineCataloguerIdentity(hello: EngineHello): CataloguerIdentity {
  return { cataloguer: 'syft', version: hello.syftVersion, configuration: hello.cataloguerConfig }
}

/** Catalogues and matches in one engine process. The SBOM that it has just made need not be read again. */
export class EngineScanner implements Cataloguer, Scanner {
  readonly engine = 'grype'
  private kept: { sbomPath: string; sbomId: string } | undefined

  constructor(
    private readonly client: EngineClient,
    readonly identity: CataloguerIdentity,
    readonly version: string,
  ) {}

  async catalogue(request: CatalogueRequest): Promise<void> {
    const { layoutDirectory, manifestDigest, platform, reference, sbomPath, limits, signal } = request
    this.kept = undefined
    const { sbomId } = await this.client.call(
      'catalogue',
      { layout: layoutDirectory, manifestDigest, platform, reference, sbomPath, timeoutMs: limits.timeoutMs },
      EngineCatalogue,
      {
        timeoutMs: limits.timeoutMs,
        signal,
      },
    )
    this.kept = { sbomPath, sbomId }
  }

  async convert(request: { sourcePath: string; sbomPath: string; limits: EngineLimits; signal: AbortSignal }): Promise<void> {
    const { sourcePath, sbomPath, limits, signal } = request
    await this.client.call('convert', { sbomPath: sourcePath, format: 'syft-json', outputPath: sbomPath }, z.unknown(), {
      timeoutMs: limits.timeoutMs,
      signal,
    })
  }

  async scan(request: ScanRequest): Promise<EngineFindings> {
    const { databaseDirectory, sbomPath, limits, signal } = request
    if (databaseDirectory === null)
      throw new PharosError('database-missing', 'No vulnerability database for grype has been imported or downloaded yet.')
    const reportPath = join(request.workDirectory, 'grype-report.json')
    const unitsPath = join(request.workDirectory, 'match-units.jsonl')
    const sbomId = this.kept?.sbomPath === sbomPath ? { sbomId: this.kept.sbomId } : {}
    try {
      const answer = await this.client.callWithDatabase(
        databaseDirectory,
        'match',
        { ...sbomId, sbomPath, reportPath, unitsPath, timeoutMs: limits.timeoutMs },
        EngineMatch,
        { timeoutMs: limits.timeoutMs, signal },
      )
      const report = await readJsonFile(reportPath, {
        schema: GrypeReport,
        name: 'The report of the scan engine',
        limitBytes: limits.outputLimitBytes,
        problem: 'engine-output-invalid',
      })
      if (report.matches.length !== answer.matchCount)
        throw new PharosError(
          'engine-output-invalid',
          `The scan engine counted ${answer.matchCount} matches but wrote ${report.matches.length}.`,
        )
      const findings = mapGrypeReport(report, request.catalogue)
      // None for an image without packages, and from an engine that does not know of units yet.
      if (answer.unitCount > 0) await noteUnits(unitsPath, limits.outputLimitBytes, request.catalogue, answer.unitCount)
      const { schemaVersion, builtAt, checksum, isSample } = answer.database
      return {
        ...findings,
        ignoredCount: answer.ignoredCount,
        reasons: mapWarnings(answer.warnings ?? []),
        database: { schemaVersion, builtAt: timestampOrNull(builtAt), checksum: checksum ?? null, isSample },
      }
    } finally {
      await Promise.all([rm(reportPath, { force: true }), rm(unitsPath, { force: true })])
    }
  }
}

/** Notes the packages' match units in the catalogue; a new database is judged by them, without the image. */
async function noteUnits(path: string, limitBytes: number, catalogue: Catalogue, expected: number): Promise<void> {
  let count = 0
  const document = { schema: EngineUnit, name: 'The list of match units', limitBytes, problem: 'engine-output-invalid' } as const
  for await (const { artifactId, key, input } of readJsonLines(path, document)) {
    catalogue.noteMatcherInput(artifactId, key, input)
    count += 1
  }
  if (count !== expected)
    throw new PharosError('engine-output-invalid', `The scan engine counted ${expected} match units but wrote ${count}.`)
}

/** Matchers' errors that the library logs and swallows: each makes the result partial. */
function mapWarnings(warnings: NonNullable<EngineMatch['warnings']>): FailureReason[] {
  const byMessage = new Map<string, string[]>()
  for (const { package: name, matcher, message } of warnings) {
    const detail = `${matcher === undefined ? 'A matcher' : `The matcher ${matcher}`} failed: ${message}`.slice(0, 2000)
    byMessage.set(detail, [...(byMessage.get(detail) ?? []), ...(name === undefined ? [] : [name])])
  }
  return [...byMessage].slice(0, 100).map(([detail, packages]) => ({
    code: 'engine-failed',
    detail,
    ...(packages.length === 0 ? {} : { packages: packages.slice(0, 200) }),
  }))
}
