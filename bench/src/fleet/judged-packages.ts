import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { CataloguerIdentity, ReportPackage, ReportVulnerability } from '@pharos/contracts'
import {
  type Catalogue,
  EngineClient,
  engineCataloguerIdentity,
  type EngineFindings,
  type EngineHello,
  type EngineLimits,
  EngineScanner,
  readCatalogue,
  type UnitMatch,
  UnitMatcher,
} from '@pharos/scanners'
import { findTool } from '@pharos/test-kit'
import type { FleetFiles } from './fleet-files.js'

const limits: EngineLimits = { timeoutMs: 3_600_000, memoryLimitBytes: 8 * 1024 ** 3, outputLimitBytes: 8 * 1024 ** 3 }

/** The unique packages of a fleet by their position: as a catalogue has them, and what a database says of each. */
export interface JudgedPackages {
  cataloguer: CataloguerIdentity
  engineVersion: string
  /** With places of the document that they were read from: an image has its own. */
  packages: ReportPackage[]
  /** What matchers read of each, as the engine spells it. */
  inputs: string[]
  vulnerabilities: ReportVulnerability[]
  matches: UnitMatch[][]
  seconds: { cataloguing: number; matching: number }
}

/**
 * Reads the fleet's unique packages with the worker's own mapping, has the engine make the match units, and matches each once.
 * `sampleDirectory` is any small database: to make the units the engine matches the documents, and what comes of that is not used.
 */
export function judgePackages(
  files: FleetFiles,
  databaseDirectory: string,
  sampleDirectory: string,
  home: string,
): Promise<JudgedPackages> {
  return withEngine(home, async (engine, hello) => {
    const beganMs = performance.now()
    const scanner = scannerOf(engine, hello)
    const { packages, inputs } = await describePackages(files, scanner, sampleDirectory, home)
    const describedMs = performance.now()
    const units = inputs.map((input, id) => ({ id, input }))
    const matcher = new UnitMatcher(engine, home, hello.grypeVersion)
    const found = await matcher.matchUnits(units, databaseDirectory, { limits, signal: new AbortController().signal })
    if (found.failed.length > 0) throw new Error(`${found.failed.length} units failed, e.g. ${found.failed[0]?.reason ?? 'for no reason'}`)
    const matches: UnitMatch[][] = packages.map(() => [])
    for (const match of found.matches) matches[match.unitId]?.push(match)
    return {
      cataloguer: scanner.identity,
      engineVersion: scanner.version,
      packages,
      inputs,
      vulnerabilities: found.vulnerabilities,
      matches,
      seconds: { cataloguing: (describedMs - beganMs) / 1000, matching: (performance.now() - describedMs) / 1000 },
    }
  })
}

/** Gives an engine to a piece of work and ends it afterwards. */
export async function withEngine<T>(home: string, work: (engine: EngineClient, hello: EngineHello) => Promise<T>): Promise<T> {
  const program = findTool('pharos-engine')
  if (program === undefined) throw new Error('pharos-engine was not built; node tools/build.mjs makes it')
  const layerCacheDirectory = join(home, 'layers')
  await mkdir(layerCacheDirectory, { recursive: true })
  const engine = new EngineClient({
    program,
    workDirectory: home,
    layerCacheDirectory,
    layerCacheBytes: 0,
    memoryLimitBytes: limits.memoryLimitBytes,
    softMemoryLimitBytes: limits.memoryLimitBytes,
    maxLayerBytes: 1,
    maxImageBytes: 1,
    maxFiles: 1,
  })
  try {
    return await work(engine, await engine.hello())
  } finally {
    await engine.close()
  }
}

/** A scanner over an engine, as a worker has one. */
export function scannerOf(engine: EngineClient, hello: EngineHello): EngineScanner {
  return new EngineScanner(engine, engineCataloguerIdentity(hello), hello.grypeVersion)
}

async function describePackages(
  files: FleetFiles,
  scanner: EngineScanner,
  sampleDirectory: string,
  home: string,
): Promise<Pick<JudgedPackages, 'packages' | 'inputs'>> {
  const packages: ReportPackage[] = []
  const inputs: string[] = []
  const catalogues = Array.from({ length: files.documentCount }, () => new Map<string, number>())
  files.packages.forEach(({ document, artifactId }, index) => catalogues[document]?.set(artifactId, index))
  for (const [document, indexes] of catalogues.entries()) {
    const { catalogue, lines } = await scanSbom(scanner, files.documentPath(document), sampleDirectory, home)
    for (const [artifactId, index] of indexes) {
      const position = catalogue.byArtifactId(artifactId) ?? -1
      const [found, input] = [catalogue.packages[position], lines[position]]
      if (found === undefined || input === undefined || input === '')
        throw new Error(`the engine made no unit of ${artifactId} in document ${document}`)
      packages[index] = found
      inputs[index] = input
    }
  }
  const missing = files.packages.findIndex((_package, index) => inputs[index] === undefined)
  if (missing >= 0) throw new Error(`package ${missing} has no record of its own among the documents`)
  return { packages, inputs }
}

/** Reads and matches an SBOM as a worker does. `lines` are what matchers read of each package. */
export async function scanSbom(
  scanner: EngineScanner,
  sbomPath: string,
  databaseDirectory: string,
  workDirectory: string,
): Promise<ScannedSbom> {
  const catalogue = await readCatalogue(sbomPath, limits.outputLimitBytes)
  const findings = await scanner.scan({
    sbomPath,
    layoutDirectory: null,
    catalogue,
    databaseDirectory,
    workDirectory,
    limits,
    signal: new AbortController().signal,
  })
  return { catalogue, findings, lines: catalogue.matcherInputs?.split('\n') ?? [] }
}

interface ScannedSbom {
  catalogue: Catalogue
  findings: EngineFindings
  lines: string[]
}
