import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { delimiter, isAbsolute, join } from 'node:path'
import { readToolVersion, type ToolVersion } from './tool-version.js'
import { isSupported, type VersionRange } from './version-range.js'

export type ToolName = 'grype' | 'syft' | 'trivy' | 'pharos-engine'

/** What Pharos knows of a tool: which versions its adapter was written for, and where to get it. */
export interface ToolDefinition {
  readonly name: ToolName
  readonly supported: VersionRange
  readonly versionArgs: readonly string[]
  /** One sentence for people who lack it. */
  readonly howToGet: string
}

export const toolDefinitions: Readonly<Record<ToolName, ToolDefinition>> = {
  grype: {
    name: 'grype',
    supported: { from: '0.100.0', below: '1.0.0' },
    versionArgs: ['version'],
    howToGet: 'Run `npm start` where Go is present, or install it from https://github.com/anchore/grype/releases.',
  },
  syft: {
    name: 'syft',
    supported: { from: '1.20.0', below: '2.0.0' },
    versionArgs: ['version'],
    howToGet: 'Run `npm start` where Go is present, or install it from https://github.com/anchore/syft/releases.',
  },
  trivy: {
    name: 'trivy',
    supported: { from: '0.60.0', below: '1.0.0' },
    versionArgs: ['--version'],
    howToGet: 'Install it from https://github.com/aquasecurity/trivy/releases and put it on PATH, or name it with --trivy-path.',
  },
  'pharos-engine': {
    name: 'pharos-engine',
    supported: { from: '0.0.0', below: '2.0.0' },
    versionArgs: [],
    howToGet: 'Run `npm start` where Go is present; it is built from the folder tools/.',
  },
}

/** Where to look for a tool. */
export interface ToolSearch {
  /** A path from the configuration: taken as it is, or not at all. */
  readonly configuredPath?: string | undefined
  /** Value of PATH. */
  readonly searchPath: string
  /** The project's own tools folder, e.g. `.pharos/tools/bin`. */
  readonly toolsDirectory: string
  readonly workDirectory: string
  /** Finds out the version of a tool that does not print it. */
  readonly probe?: (path: string) => Promise<ToolVersion>
}

/** Where a tool is, or why it cannot be used and how to get it. */
export type ToolLocation =
  | {
      readonly outcome: 'found'
      readonly tool: ToolName
      readonly path: string
      readonly version: string
      readonly source: 'configured' | 'path' | 'tools'
    }
  | { readonly outcome: 'unavailable'; readonly tool: ToolName; readonly reason: string }

/** Looks for a tool: the configured path; PATH, if its version is supported; the project's tools folder. */
export async function locateTool(definition: ToolDefinition, search: ToolSearch): Promise<ToolLocation> {
  const { name } = definition
  const probe = search.probe ?? ((path: string) => readToolVersion(definition, path, search.workDirectory))
  if (search.configuredPath !== undefined) {
    const version = await probe(search.configuredPath)
    if (version.outcome === 'read')
      return { outcome: 'found', tool: name, path: search.configuredPath, version: version.version, source: 'configured' }
    return { outcome: 'unavailable', tool: name, reason: `${name} was configured as ${search.configuredPath}, but ${version.reason}` }
  }
  const objections: string[] = []
  for (const candidate of [...onPath(name, search.searchPath), { path: join(search.toolsDirectory, name), source: 'tools' as const }]) {
    if (!(await isExecutable(candidate.path))) continue
    const version = await probe(candidate.path)
    if (version.outcome !== 'read') objections.push(`${candidate.path}: ${version.reason}`)
    else if (!isSupported(version.version, definition.supported)) {
      objections.push(
        `${candidate.path} is version ${version.version}; ${definition.supported.from} up to, not including, ${definition.supported.below} is supported.`,
      )
    } else return { outcome: 'found', tool: name, path: candidate.path, version: version.version, source: candidate.source }
  }
  const found = objections.length === 0 ? `${name} is neither on PATH nor in the tools folder.` : objections.join(' ')
  return { outcome: 'unavailable', tool: name, reason: `${found} ${definition.howToGet}` }
}

function onPath(name: string, searchPath: string): { path: string; source: 'path' }[] {
  // A relative entry would depend on the working folder, which a scan changes.
  return searchPath
    .split(delimiter)
    .filter((directory) => isAbsolute(directory))
    .map((directory) => ({ path: join(directory, name), source: 'path' }))
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
