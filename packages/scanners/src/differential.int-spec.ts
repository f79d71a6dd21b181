import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync, gzipSync } from 'node:zlib'
import { buildSampleImages, sampleDatabases, type SampleImageName, sampleImageNames, toolPath, writeOciLayout } from '@pharos/test-kit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findingKeys, rawFindingKeys } from './__tests__/finding-keys.js'
import { scratchDirectory } from './__tests__/fake-program.js'
import {
  builtInCanary,
  type Cataloguer,
  checkCanary,
  EngineClient,
  engineCataloguerIdentity,
  EngineScanner,
  GrypeCommand,
  GrypeDatabases,
  locateTool,
  readCatalogue,
  type Scanner,
  SyftCommand,
  toolDefinitions,
  TrivyCommand,
  TrivyDatabases,
  UnitMatcher,
} from './index.js'

const run = promisify(execFile)
const limits = { timeoutMs: 120_000, memoryLimitBytes: 4e9, outputLimitBytes: 1e9 }
const { signal } = new AbortController()
const grype = toolPath('grype')
const hasCommands = existsSync(grype) && existsSync(toolPath('syft')) && existsSync(toolPath('pharos-sampledb'))
const hasEngine = hasCommands && existsSync(toolPath('pharos-engine'))

let root = ''
let databaseDirectory = ''
let client: EngineClient | undefined
const layouts = new Map<SampleImageName, { directory: string; digest: string }>()

beforeAll(async () => {
  if (!hasCommands) return
  root = await scratchDirectory()
  const databases = await sampleDatabases()
  if (!databases.isAvailable) throw new Error(databases.reason)
  databaseDirectory = join(root, 'database')
  await mkdir(databaseDirectory)
  const status = await new GrypeDatabases(grype).import(databases.value.grype.archivePath, databaseDirectory, root)
  expect(status).toMatchObject({
    engine: 'grype',
    isSample: true,
    schemaVersion: expect.stringMatching(/^v6\./) as string,
    checksum: expect.stringMatching(/^xxh64:/) as string,
  })
  for (const [name, image] of (await buildSampleImages()).images) {
    const directory = join(root, 'layouts', name)
    await mkdir(directory, { recursive: true })
    await writeOciLayout(directory, image)
    layouts.set(name, { directory, digest: image.top.blob.digest })
  }
}, 600_000)
afterAll(async () => {
  await client?.close()
  if (root !== '') await rm(root, { recursive: true, force: true })
})

/** What the grype command prints for the image itself. */
async function reference(name: SampleImageName): Promise<string[]> {
  const { stdout } = await run(grype, ['-o', 'json', '--', `oci-dir:${layouts.get(name)?.directory ?? ''}`], {
    maxBuffer: 1e9,
    env: {
      PATH: '/usr/bin:/bin',
      HOME: root,
      GRYPE_DB_CACHE_DIR: databaseDirectory,
      GRYPE_DB_AUTO_UPDATE: 'false',
      GRYPE_DB_VALIDATE_AGE: 'false',
      GRYPE_CHECK_FOR_APP_UPDATE: 'false',
    },
  })
  return rawFindingKeys(stdout)
}

async function scanWith(name: SampleImageName, cataloguer: Cataloguer, scanner: Scanner) {
  const layout = layouts.get(name)
  if (layout === undefined) throw new Error(`no image ${name}`)
  const workDirectory = join(root, 'work', `${name}-${Math.random().toString(36).slice(2)}`)
  await mkdir(workDirectory, { recursive: true })
  const sbomPath = join(workDirectory, 'sbom.json.gz')
  await cataloguer.catalogue({
    layoutDirectory: layout.directory,
    manifestDigest: layout.digest,
    platform: 'linux/amd64',
    reference: `sample/${name}`,
    sbomPath,
    workDirectory,
    limits,
    signal,
  })
  const catalogue = await readCatalogue(sbomPath, limits.outputLimitBytes)
  const findings = await scanner.scan({
    sbomPath,
    layoutDirectory: layout.directory,
    catalogue,
    databaseDirectory,
    workDirectory,
    limits,
    signal,
  })
  return { findings, catalogue, sbomPath, keys: findingKeys(findings, catalogue) }
}

async function startEngine(): Promise<EngineScanner> {
  await mkdir(join(root, 'engine', 'layers'), { recursive: true })
  client ??= new EngineClient({
    program: toolPath('pharos-engine'),
    workDirectory: join(root, 'engine'),
    layerCacheDirectory: join(root, 'engine', 'layers'),
    layerCacheBytes: 1e9,
    memoryLimitBytes: 4e9,
    softMemoryLimitBytes: 3e9,
    maxLayerBytes: 1e10,
    maxImageBytes: 1e10,
    maxFiles: 1e6,
  })
  const hello = await client.hello()
  return new EngineScanner(client, engineCataloguerIdentity(hello), hello.grypeVersion)
}

function unitMatcher(engine: EngineScanner): UnitMatcher {
  if (client === undefined) throw new Error('no engine was started')
  return new UnitMatcher(client, root, engine.version)
}

describe.skipIf(!hasEngine)('the scan engine', () => {
  it.each(sampleImageNames)(
    'finds in %s what the grype command finds',
    async (name) => {
      const engine = await startEngine()
      const { keys, findings, catalogue } = await scanWith(name, engine, engine)
      expect(keys).toEqual(await reference(name))
      expect(keys.length).toBeGreaterThan(0)
      expect(findings).toMatchObject({ reasons: [], database: { isSample: true } })
      expect(catalogue.packages.length).toBeGreaterThan(0)
    },
    180_000,
  )

  it.each(sampleImageNames)(
    'judges %s by its packages alone as it does the image',
    async (name) => {
      const engine = await startEngine()
      const { keys, findings, catalogue } = await scanWith(name, engine, engine)
      const inputs = catalogue.matcherInputs?.split('\n') ?? []
      expect(inputs).toHaveLength(catalogue.packages.length)
      expect(catalogue.packages.filter(({ matchKey }) => matchKey === null)).toEqual([])
      const matcher = unitMatcher(engine)
      const units = await matcher.matchUnits(
        inputs.map((input, id) => ({ id, input })),
        databaseDirectory,
        { limits, signal },
      )
      expect(units).toMatchObject({ skipped: [], failed: [], engineVersion: '0.121.2', database: { isSample: true } })
      const matches = units.matches.map((match) => ({
        ...match,
        package: match.unitId,
        locations: catalogue.packages[match.unitId]?.locations ?? [],
      }))
      expect(findingKeys({ ...units, matches }, catalogue)).toEqual(keys)
      const sorted = (texts: readonly object[]) => texts.map((text) => JSON.stringify(text)).sort()
      expect(sorted(units.vulnerabilities)).toEqual(sorted(findings.vulnerabilities))

      const described = await matcher.describe(
        findings.vulnerabilities.map(({ nativeId, namespace }, id) => ({ id, nativeId, namespace })),
        databaseDirectory,
        { limits, signal },
      )
      const riskOf = (position: number) => findings.matches.find(({ vulnerability }) => vulnerability === position)?.risk
      expect(described).toEqual(findings.vulnerabilities.map((vulnerability, position) => ({ ...vulnerability, risk: riskOf(position) })))
    },
    180_000,
  )

  it('knows no vulnerability of another namespace, or of none', async () => {
    const matcher = unitMatcher(await startEngine())
    const names = [
      { id: 1, nativeId: 'CVE-2023-4911', namespace: 'debian:distro:debian:12' },
      { id: 2, nativeId: 'CVE-2023-4911', namespace: 'debian:distro:debian:99' },
      { id: 3, nativeId: 'CVE-1999-00000', namespace: 'debian:distro:debian:12' },
    ]
    const [known, ...unknown] = await matcher.describe(names, databaseDirectory, { limits, signal })
    expect(known).toMatchObject({ nativeId: 'CVE-2023-4911', canonicalId: 'CVE-2023-4911', kev: { ransomware: false } })
    expect(unknown).toEqual([null, null])
  })

  it('tries a database on its canary: a sample database has to know what it holds', async () => {
    const matcher = unitMatcher(await startEngine())
    // Debian, Alpine, npm, Python, Go and Java; the sample facts have no Ubuntu and no CPEs.
    expect(await checkCanary(matcher, databaseDirectory, { limits, signal })).toEqual({ passed: true, missing: [], requiredCount: 6 })
    const asked = await checkCanary(matcher, databaseDirectory, { limits, signal, canary: builtInCanary })
    expect(asked.missing.map(({ package: name, vulnerability }) => [name, vulnerability])).toEqual([
      ['libc6', 'CVE-2023-4911'],
      ['log4j by CPE', 'CVE-2021-44228'],
    ])
  })

  it('says which unit it cannot read, and matches the others', async () => {
    const matcher = unitMatcher(await startEngine())
    const lodash = { v: 1, package: { type: 'npm', name: 'lodash', version: '4.17.20', language: 'javascript' } }
    const found = await matcher.matchUnits(
      [
        { id: 7, input: '{"v":1' },
        { id: 8, input: JSON.stringify({ ...lodash, v: 99 }) },
        { id: 9, input: JSON.stringify(lodash) },
        { id: 10, input: `${JSON.stringify(lodash)}\n${JSON.stringify(lodash)}` },
        { id: 11, input: JSON.stringify({ v: 1, dropped: true }) },
        { id: 12, input: JSON.stringify({ v: 1, package: { ...lodash.package, colour: 'red' } }) },
      ],
      databaseDirectory,
      { limits, signal },
    )
    expect(found.failed.map(({ id }) => id)).toEqual([7, 8, 10, 12])
    expect(found.failed[1]?.reason).toContain('version 99')
    expect(new Set(found.matches.map(({ unitId }) => unitId))).toEqual(new Set([9]))
    expect(found.vulnerabilities.map(({ nativeId }) => nativeId)).toContain('GHSA-35jh-r3h4-6jhm')
  })

  it('refuses a damaged database, and goes on with the good one', async () => {
    const engine = await startEngine()
    const damaged = join(root, 'damaged')
    await mkdir(join(damaged, '6'), { recursive: true })
    await copyFile(join(databaseDirectory, '6', 'import.json'), join(damaged, '6', 'import.json'))
    const bytes = await readFile(join(databaseDirectory, '6', 'vulnerability.db'))
    bytes.fill(0x41, bytes.length / 2, bytes.length / 2 + 4096)
    await writeFile(join(damaged, '6', 'vulnerability.db'), bytes)
    await expect(client?.openDatabase(damaged)).rejects.toMatchObject({ code: 'database-damaged' })
    const { keys } = await scanWith('alpine', engine, engine)
    expect(keys.length).toBeGreaterThan(0)
  }, 600_000)

  it('refuses an SBOM that is cut in half', async () => {
    const engine = await startEngine()
    const { sbomPath, catalogue } = await scanWith('alpine', engine, engine)
    const halfPath = join(root, 'half.json.gz')
    const whole = gunzipSync(await readFile(sbomPath))
    await writeFile(halfPath, gzipSync(whole.subarray(0, whole.length / 2)))
    await expect(
      engine.scan({ sbomPath: halfPath, layoutDirectory: null, catalogue, databaseDirectory, workDirectory: root, limits, signal }),
    ).rejects.toMatchObject({ code: 'sbom-invalid' })
    await expect(readCatalogue(halfPath, 1e9)).rejects.toMatchObject({ code: 'sbom-invalid' })
  }, 600_000)
})

describe.skipIf(!hasCommands)('the syft and grype commands', () => {
  it.each(['npm', 'go'] as const)(
    'find in %s, by way of the SBOM, what grype finds in the image',
    async (name) => {
      const { keys } = await scanWith(name, new SyftCommand(toolPath('syft'), '1.57.0'), new GrypeCommand(grype, '0.121.2'))
      expect(keys).toEqual(await reference(name))
    },
    180_000,
  )

  it('refuse an archive that is damaged', async () => {
    const archive = join(root, 'damaged-archive')
    await writeFile(archive, 'no archive')
    await expect(new GrypeDatabases(grype).import(archive, join(root, 'never'), root)).rejects.toMatchObject({ code: 'database-damaged' })
  }, 600_000)
})

describe.skipIf(!hasCommands)('trivy databases', () => {
  it('are imported from an archive, checked, and told apart from real ones', async () => {
    const databases = await sampleDatabases()
    if (!databases.isAvailable) throw new Error(databases.reason)
    const archive = join(root, 'trivy.tar.gz')
    await run('tar', ['-czf', archive, '-C', databases.value.trivy.directory, 'db'])
    const directory = join(root, 'trivy-database')
    await mkdir(directory)
    expect(await new TrivyDatabases().import(archive, directory, root)).toMatchObject({
      engine: 'trivy',
      schemaVersion: 'v2',
      isSample: true,
    })
    const wrong = join(root, 'wrong.tar')
    await run('tar', ['-cf', wrong, '-C', root, 'trivy.tar.gz'])
    await mkdir(join(root, 'wrong'))
    await expect(new TrivyDatabases().import(wrong, join(root, 'wrong'), root)).rejects.toMatchObject({ code: 'database-damaged' })
  }, 600_000)
})

const trivy = await locateTool(toolDefinitions.trivy, {
  searchPath: process.env.PATH ?? '',
  toolsDirectory: '/nonexistent',
  workDirectory: '/',
})
describe.skipIf(trivy.outcome === 'unavailable' || !hasEngine)(
  `trivy (${trivy.outcome === 'found' ? trivy.version : 'not on PATH'})`,
  () => {
    it('scans a sample image from its layout', async () => {
      if (trivy.outcome === 'unavailable') return
      const databases = await sampleDatabases()
      if (!databases.isAvailable) throw new Error(databases.reason)
      const engine = await startEngine()
      const { sbomPath, catalogue } = await scanWith('npm', engine, engine)
      const findings = await new TrivyCommand(trivy.path, trivy.version).scan({
        sbomPath,
        layoutDirectory: layouts.get('npm')?.directory ?? null,
        catalogue,
        databaseDirectory: databases.value.trivy.directory,
        workDirectory: root,
        limits,
        signal,
      })
      expect(findings.vulnerabilities.map(({ canonicalId }) => canonicalId)).toContain('CVE-2021-23337')
    }, 600_000)
  },
)
