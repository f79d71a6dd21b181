import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { type CataloguerIdentity, PharosError } from '@pharos/contracts'
import type { Cataloguer, CatalogueRequest, EngineLimits } from '../model/scanner.js'
import { runForReport, type RunBounds } from '../process/run-for-report.js'

/**
 * Settings that make the syft command catalogue what the grype command would: Go symbols are captured and packages without a version
 * dropped (grype 0.121.2, cmd/grype/cli/commands/root.go, getProviderConfig).
 */
const catalogueEnvironment = {
  SYFT_CHECK_FOR_APP_UPDATE: 'false',
  SYFT_GOLANG_CAPTURE_SYMBOLS: 'all',
  SYFT_COMPLIANCE_MISSING_VERSION: 'drop',
  SYFT_FORMAT_PRETTY: 'false',
} as const

/** Catalogues with the `syft` command: the fallback where no engine is built. */
export class SyftCommand implements Cataloguer {
  readonly identity: CataloguerIdentity

  constructor(
    private readonly program: string,
    version: string,
  ) {
    this.identity = {
      cataloguer: 'syft',
      version,
      configuration: createHash('sha256').update(JSON.stringify(catalogueEnvironment)).digest('hex').slice(0, 16),
    }
  }

  async catalogue(request: CatalogueRequest): Promise<void> {
    const source = `oci-dir:${request.layoutDirectory}`
    // The reference is a stranger's text: it goes by the environment, never as an argument.
    await this.run(['scan', '-o', 'syft-json', '--', source], request, request.sbomPath, 'catalogue-failed', {
      SYFT_SOURCE_NAME: request.reference,
    })
  }

  async convert(request: {
    sourcePath: string
    sbomPath: string
    workDirectory: string
    limits: EngineLimits
    signal: AbortSignal
  }): Promise<void> {
    await this.run(['convert', '-o', 'syft-json', '--', request.sourcePath], request, request.sbomPath, 'sbom-invalid')
  }

  private async run(
    args: string[],
    bounds: RunBounds,
    sbomPath: string,
    problem: 'catalogue-failed' | 'sbom-invalid',
    environment: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const plainPath = join(bounds.workDirectory, 'sbom.json')
    try {
      await runForReport(
        {
          tool: 'syft',
          program: this.program,
          args,
          environment: { ...catalogueEnvironment, ...environment },
          reportPath: plainPath,
          problemOf: (exitCode, stderr) => new PharosError(problem, `syft ended with exit code ${exitCode}. ${stderr.slice(-600)}`.trim()),
        },
        bounds,
      )
      await pipeline(createReadStream(plainPath), createGzip({ level: 4 }), createWriteStream(sbomPath, { mode: 0o600 }))
    } finally {
      await rm(plainPath, { force: true })
    }
  }
}
