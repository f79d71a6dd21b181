import { execFile } from 'node:child_process'
import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { ReportPackage, ReportVulnerability, ScanReport } from '@pharos/contracts'
import { buildSampleImage, sampleDatabases, type SampleImageName, toolPath, writeOciLayout } from '@pharos/test-kit'
import { debPackage, engineReport, match, resolvedImage, scanReport, vulnerability } from '../../ingest/__tests__/report-builder.js'

const run = promisify(execFile)

/** A match as grype prints it, as far as the tests need it. */
export interface GrypeMatch {
  vulnerability: { id: string; namespace: string }
  relatedVulnerabilities?: { id: string }[]
  artifact: { name: string; version: string; type: string; purl: string; locations: { path: string }[] }
  appliedIgnoreRules?: { namespace?: string }[]
}

/** The real grype on the SBOM of a sample image. */
export interface GrypeOnSample {
  readonly digest: string
  /** registry/path:tag and registry/path@digest that grype takes the image for. */
  readonly tag: string
  /** What it finds without any VEX document. */
  readonly matches: readonly GrypeMatch[]
  /** Keys of the matches that a VEX document makes it ignore. */
  suppressedBy(document: unknown): Promise<string[]>
  close(): Promise<void>
}

export function keyOfMatch({ vulnerability: { id, namespace }, artifact }: GrypeMatch): string {
  return [id, namespace, artifact.purl, artifact.locations[0]?.path ?? ''].join(' ')
}

/** Catalogues a sample image, names it, and matches it with the sample database. */
export async function grypeOnSample(name: SampleImageName, repository: string): Promise<GrypeOnSample> {
  const databases = await sampleDatabases()
  if (!databases.isAvailable) throw new Error(databases.reason)
  const root = await mkdtemp(join(tmpdir(), 'pharos-vex-'))
  const environment = {
    PATH: '/usr/bin:/bin',
    HOME: root,
    GRYPE_DB_CACHE_DIR: join(root, 'database'),
    GRYPE_DB_AUTO_UPDATE: 'false',
    GRYPE_DB_VALIDATE_AGE: 'false',
    GRYPE_CHECK_FOR_APP_UPDATE: 'false',
    SYFT_CHECK_FOR_APP_UPDATE: 'false',
  }
  const call = async (tool: string, ...parameters: string[]): Promise<string> =>
    (await run(toolPath(tool), parameters, { maxBuffer: 1e9, env: environment })).stdout
  await call('grype', 'db', 'import', databases.value.grype.archivePath)
  const image = await buildSampleImage(name)
  const layout = join(root, 'layout')
  await mkdir(layout)
  await writeOciLayout(layout, image)
  const { digest } = image.top.blob
  const sbom = JSON.parse(await call('syft', '-o', 'syft-json', '--', `oci-dir:${layout}`)) as {
    source: { name: string; metadata: { tags: string[]; repoDigests: string[] } }
  }
  const tag = `${repository}:v1`
  sbom.source.name = repository
  sbom.source.metadata = { ...sbom.source.metadata, tags: [tag], repoDigests: [`${repository}@${digest}`] }
  const sbomPath = join(root, 'sbom.json')
  await writeFile(sbomPath, JSON.stringify(sbom))
  const scan = async (...options: string[]) => {
    const output = join(root, 'output.json')
    await call('grype', '-o', 'json', '--file', output, ...options, '--', `sbom:${sbomPath}`)
    return JSON.parse(await readFile(output, 'utf8')) as { matches: GrypeMatch[]; ignoredMatches?: GrypeMatch[] }
  }
  const { matches } = await scan()
  return {
    digest,
    tag,
    matches,
    suppressedBy: async (document) => {
      const path = join(root, 'vex.json')
      await writeFile(path, JSON.stringify(document))
      const { ignoredMatches = [] } = await scan('--vex', path)
      return ignoredMatches
        .filter(({ appliedIgnoreRules = [] }) => appliedIgnoreRules.some(({ namespace }) => namespace === 'vex'))
        .map(keyOfMatch)
        .sort()
    },
    close: () => rm(root, { recursive: true, force: true }),
  }
}

/** What grype found, as the report of a worker. */
export function reportOfMatches(name: string, { digest, tag, matches }: GrypeOnSample): ScanReport {
  const packages: ReportPackage[] = []
  const vulnerabilities: ReportVulnerability[] = []
  const positionIn = <T>(list: T[], isSame: (one: T) => boolean, make: () => T): number => {
    const known = list.findIndex(isSame)
    return known >= 0 ? known : list.push(make()) - 1
  }
  const found = matches.map(({ vulnerability: { id, namespace }, relatedVulnerabilities = [], artifact }) => {
    const locations = artifact.locations.map(({ path }) => ({ path, layer: null }))
    const { purl, type, version } = artifact
    return match(
      positionIn(
        packages,
        (one) => one.purl === purl && one.locations[0]?.path === locations[0]?.path,
        () => debPackage(artifact.name, { type, version, purl, distro: null, locations }),
      ),
      positionIn(
        vulnerabilities,
        (one) => one.nativeId === id && one.namespace === namespace,
        () =>
          vulnerability(id, {
            namespace,
            canonicalId: relatedVulnerabilities.find((one) => one.id.startsWith('CVE-'))?.id ?? id,
            aliases: [id, ...relatedVulnerabilities.map((one) => one.id)],
          }),
      ),
    )
  })
  const [repository = '', imageTag = ''] = tag.split(/:(?=[^/]*$)/)
  const [registry = '', ...path] = repository.split('/')
  return scanReport(name, {
    image: resolvedImage(name, { digest, reference: { registry, repository: path.join('/'), tag: imageTag } }),
    packages,
    engines: [engineReport({ vulnerabilities, matches: found })],
  })
}
