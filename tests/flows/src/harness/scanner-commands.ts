import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Finding } from '@pharos/contracts'
import { toolPath } from '@pharos/test-kit'

const run = promisify(execFile)
const maxBuffer = 1024 ** 3

interface PrintedMatch {
  vulnerability: { id: string; namespace: string; severity: string; fix: { state: string; versions: string[] } }
  artifact: { name: string; version: string; locations: { path: string; layerID?: string }[] }
}

interface PrintedPackage {
  type: string
  name: string
  version: string
  locations: { path: string }[]
}

/** The `grype` and `syft` commands by themselves, with a database of their own: what Pharos is compared with. */
export class ScannerCommands {
  private constructor(
    private readonly directory: string,
    private readonly environment: Record<string, string>,
  ) {}

  static async withDatabase(directory: string, archivePath: string): Promise<ScannerCommands> {
    await mkdir(directory, { recursive: true })
    const environment = {
      PATH: '/usr/bin:/bin',
      HOME: directory,
      TMPDIR: directory,
      GRYPE_DB_CACHE_DIR: join(directory, 'database'),
      GRYPE_DB_AUTO_UPDATE: 'false',
      GRYPE_DB_VALIDATE_AGE: 'false',
      GRYPE_CHECK_FOR_APP_UPDATE: 'false',
      SYFT_CHECK_FOR_APP_UPDATE: 'false',
      GRYPE_REGISTRY_INSECURE_USE_HTTP: 'true',
      SYFT_REGISTRY_INSECURE_USE_HTTP: 'true',
    }
    await run(toolPath('grype'), ['db', 'import', archivePath], { env: environment })
    return new ScannerCommands(directory, environment)
  }

  /** Findings as sorted texts, straight from what grype prints: equal lists are equal multisets. */
  async findings(reference: string): Promise<string[]> {
    const { matches } = await this.print<{ matches: PrintedMatch[] }>('grype', reference)
    return matches
      .map(({ vulnerability: { id, namespace, severity, fix }, artifact: { name, version, locations } }) =>
        findingKey({
          nativeId: id,
          namespace,
          name,
          version,
          locations: locations.map(({ path, layerID }) => `${path} ${layerID ?? ''}`),
          severity,
          fix: `${fix.state === '' ? 'unknown' : fix.state} ${fix.versions.join(',')}`,
        }),
      )
      .sort()
  }

  /** Packages with a version as sorted texts, straight from what syft prints. */
  async packages(reference: string): Promise<string[]> {
    const { artifacts } = await this.print<{ artifacts: PrintedPackage[] }>('syft', reference)
    // Grype's own cataloguing, whose options Pharos takes, leaves out what has no version: nothing can be matched with it.
    return artifacts
      .filter(({ version }) => version !== 'UNKNOWN')
      .map(packageKey)
      .sort()
  }

  private async print<T>(tool: 'grype' | 'syft', reference: string): Promise<T> {
    const { stdout } = await run(toolPath(tool), ['-o', 'json', `registry:${reference}`], {
      env: this.environment,
      cwd: this.directory,
      maxBuffer,
    })
    return JSON.parse(stdout) as T
  }
}

interface FindingFacts {
  nativeId: string
  namespace: string
  name: string
  version: string
  locations: string[]
  severity: string
  fix: string
}

/** The same texts of findings that the API answers. Advisories of one alias group are one finding there, which names them all. */
export function storedFindingKeys(findings: readonly Finding[]): string[] {
  return findings
    .flatMap(({ vulnerability, package: { name, version }, locations, fix, alsoReportedAs = [] }) =>
      [
        { nativeId: vulnerability.nativeId, namespace: vulnerability.namespace, severityGiven: vulnerability.severityGiven, fix },
        ...alsoReportedAs,
      ].map((advisory) =>
        findingKey({
          nativeId: advisory.nativeId,
          namespace: advisory.namespace,
          name,
          version,
          locations: locations.map(({ path, layer }) => `${path} ${layer ?? ''}`),
          severity: advisory.severityGiven,
          fix: `${advisory.fix.state} ${advisory.fix.versions.join(',')}`,
        }),
      ),
    )
    .sort()
}

function findingKey({ locations, ...facts }: FindingFacts): string {
  return JSON.stringify({ ...facts, locations: [...new Set(locations)].sort() })
}

/** The text of a package by which Pharos and syft are compared. */
export function packageKey({ type, name, version, locations }: PrintedPackage): string {
  return JSON.stringify({ type, name, version, paths: [...new Set(locations.map(({ path }) => path))].sort() })
}
