#!/usr/bin/env node
// Obtains the scanners: what is configured, on PATH or in the tools folder is used; else the official release, else a build from tools/.
import './lib/node-version.mjs'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findProgram, isExecutable } from './lib/find-program.mjs'
import { inHome, root, toolsDirectory } from './lib/places.mjs'
import { runCommand } from './lib/run-command.mjs'
import { installRelease } from './lib/scanner-release.mjs'
import { dim, say, step, warn } from './lib/terminal.mjs'

/**
 * @typedef {{ name: string, isFound: true, path: string, origin: 'configured' | 'PATH' | 'tools folder' | 'release' | 'built' }} FoundTool
 * @typedef {{ name: string, isFound: false, reason: string }} MissingTool
 */

/** The release of Trivy that the adapter was written for; Grype and Syft are pinned by tools/go.mod. */
const trivyVersion = '0.74.0'

/** Range of versions whose output the adapters read; packages/scanners refuses others as well. */
const supported = { grype: ['0.100.0', '1.0.0'], syft: ['1.20.0', '2.0.0'], trivy: ['0.60.0', '1.0.0'] }

/** What tools/ builds besides the scanners. */
const programs = ['pharos-engine', 'pharos-sampledb', 'crane', 'sample-go-app']

/** For this long after a failed download none is tried again: without a network each start would wait for it. */
const retryDownloadMs = 3_600_000

/**
 * Obtains what can be had. What cannot is named with the way to get it; nothing is thrown for it.
 * @returns {Promise<(FoundTool | MissingTool)[]>}
 */
export async function obtainTools() {
  const releases = scannerReleases()
  /** @type {Map<string, string>} */
  const refusals = new Map()
  const scanners = await Promise.all(releases.map((release) => findOrDownload(release, refusals)))
  const build = await buildTools()
  return [
    ...scanners.map((scanner, index) => (scanner.isFound ? scanner : foundScanner(releases[index], refusals, build))),
    ...programs.map((name) => foundProgram(name, build)),
  ]
}

/** The releases that are wanted. @returns {import('./lib/scanner-release.mjs').ScannerRelease[]} */
export function scannerReleases() {
  return [
    { name: 'grype', repository: 'anchore/grype', version: pinned('github.com/anchore/grype') },
    { name: 'syft', repository: 'anchore/syft', version: pinned('github.com/anchore/syft') },
    { name: 'trivy', repository: 'aquasecurity/trivy', version: trivyVersion },
  ]
}

/** Prints what is there in a line, and each missing one with the way to get it. @param {(FoundTool | MissingTool)[]} tools */
export function describeTools(tools) {
  const found = tools.filter((tool) => tool.isFound)
  if (found.length > 0) say(`Tools: ${found.map((tool) => `${tool.name} ${dim(`(${tool.origin})`)}`).join(', ')}`)
  for (const tool of tools) if (!tool.isFound) warn(`${tool.name} is not to be had: ${tool.reason}`)
}

/**
 * @param {import('./lib/scanner-release.mjs').ScannerRelease} release
 * @param {Map<string, string>} refusals why a release was not installed, by name
 * @returns {Promise<FoundTool | MissingTool>}
 */
async function findOrDownload(release, refusals) {
  const { name } = release
  const variable = `PHAROS_${name.toUpperCase()}_PATH`
  const configured = process.env[variable]
  if (configured) {
    return isExecutable(configured)
      ? { name, isFound: true, path: configured, origin: 'configured' }
      : { name, isFound: false, reason: `${variable} names ${configured}, which is no program` }
  }
  const onPath = findProgram(name)
  if (onPath && (await isSupportedProgram(onPath, name))) return { name, isFound: true, path: onPath, origin: 'PATH' }
  const own = join(toolsDirectory, name)
  if (isExecutable(own)) return { name, isFound: true, path: own, origin: 'tools folder' }
  const markPath = inHome('tools', `${name}-${release.version}.unreachable`)
  if (existsSync(markPath) && Date.now() - statSync(markPath).mtimeMs < retryDownloadMs) {
    refusals.set(name, readFileSync(markPath, 'utf8'))
  } else {
    const outcome = await installRelease(release, toolsDirectory)
    rmSync(markPath, { force: true })
    if (outcome.isInstalled) return { name, isFound: true, path: outcome.path, origin: 'release' }
    refusals.set(name, outcome.reason)
    mkdirSync(inHome('tools'), { recursive: true })
    writeFileSync(markPath, outcome.reason)
  }
  return { name, isFound: false, reason: refusals.get(name) ?? '' }
}

/**
 * @param {import('./lib/scanner-release.mjs').ScannerRelease} release
 * @param {Map<string, string>} refusals
 * @param {BuildOutcome} build
 * @returns {FoundTool | MissingTool}
 */
function foundScanner({ name, repository, version }, refusals, build) {
  const path = join(toolsDirectory, name)
  if (isExecutable(path)) return { name, isFound: true, path, origin: build.built.includes(name) ? 'built' : 'tools folder' }
  const way = name === 'trivy' ? '' : ' install Go and start again, or'
  return {
    name,
    isFound: false,
    reason: `${refusals.get(name) ?? 'it is neither configured nor on PATH'};${way} put version ${version} from https://github.com/${repository}/releases on PATH`,
  }
}

/** @param {string} name @param {BuildOutcome} build @returns {FoundTool | MissingTool} */
function foundProgram(name, build) {
  const path = join(toolsDirectory, name)
  if (isExecutable(path)) return { name, isFound: true, path, origin: build.built.includes(name) ? 'built' : 'tools folder' }
  return { name, isFound: false, reason: build.problem ?? 'the build of tools/ did not make it' }
}

/** @typedef {{ built: string[], problem?: string }} BuildOutcome */

/** @returns {Promise<BuildOutcome>} */
async function buildTools() {
  const script = join(root, 'tools', 'build.mjs')
  if (!existsSync(script)) return { built: [], problem: 'tools/build.mjs is missing' }
  if (findProgram('go') === undefined)
    return { built: [], problem: 'it is built by Go, which is not on PATH; get Go from https://go.dev/dl/' }
  const before = new Set([...programs, 'grype', 'syft'].filter((name) => existsSync(join(toolsDirectory, name))))
  const { exitCode, output } = await step('Go programs built', () =>
    runCommand(process.execPath, [script, '--out', toolsDirectory, '--if-changed']),
  )
  if (exitCode !== 0) return { built: [], problem: `the build of tools/ failed:\n${output.trimEnd().split('\n').slice(-8).join('\n')}` }
  return { built: [...programs, 'grype', 'syft'].filter((name) => !before.has(name) && existsSync(join(toolsDirectory, name))) }
}

/** @param {string} modulePath */
function pinned(modulePath) {
  const text = readFileSync(join(root, 'tools', 'go.mod'), 'utf8')
  const version = new RegExp(`^\\s*${modulePath.replaceAll('.', '\\.')} v(\\S+)`, 'm').exec(text)?.[1]
  if (version === undefined) throw new Error(`tools/go.mod does not pin ${modulePath}`)
  return version
}

/** @param {string} path @param {'grype' | 'syft' | 'trivy'} name */
async function isSupportedProgram(path, name) {
  const { output } = await runCommand(path, [name === 'trivy' ? '--version' : 'version'], {
    timeoutMs: 5_000,
    environment: { GRYPE_CHECK_FOR_APP_UPDATE: 'false', SYFT_CHECK_FOR_APP_UPDATE: 'false', HOME: inHome('tools') },
  })
  const version = /^\s*version:\s*v?(\d+\.\d+\.\d+)/im.exec(output)?.[1]
  const [from, below] = supported[name]
  return version !== undefined && compareVersions(version, from) >= 0 && compareVersions(version, below) < 0
}

/** @param {string} left @param {string} right */
function compareVersions(left, right) {
  const [a, b] = [left, right].map((version) => version.split('.').map(Number))
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2]
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) describeTools(await obtainTools())
