import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mustRun } from './run-command.mjs'

/**
 * @typedef {object} ScannerRelease An official release of a scanner on GitHub.
 * @property {'grype' | 'syft' | 'trivy'} name
 * @property {string} version
 * @property {string} repository owner/name
 */

/** Without a network this much time is lost, once. */
const firstAnswerMs = 3_000
const downloadMs = 300_000

/**
 * Downloads a release for this platform, checks it against the release's list of checksums, and puts the program into `directory`.
 * @param {ScannerRelease} release
 * @param {string} directory
 * @param {string} [baseUrl]
 * @returns {Promise<{ isInstalled: true, path: string } | { isInstalled: false, reason: string }>}
 */
export async function installRelease(release, directory, baseUrl = 'https://github.com') {
  const archiveName = archiveNameOf(release)
  if (archiveName === undefined)
    return { isInstalled: false, reason: `there is no release of ${release.name} for ${process.platform}-${process.arch}` }
  const base = `${baseUrl}/${release.repository}/releases/download/v${release.version}`
  let checksums
  try {
    checksums = (await download(`${base}/${release.name}_${release.version}_checksums.txt`, firstAnswerMs)).toString('utf8')
  } catch {
    return { isInstalled: false, reason: 'the release site does not answer' }
  }
  const expected = new RegExp(`^([0-9a-f]{64})\\s+\\*?${archiveName.replaceAll('.', '\\.')}$`, 'm').exec(checksums)?.[1]
  if (expected === undefined) return { isInstalled: false, reason: `the release's list of checksums does not name ${archiveName}` }
  let archive
  try {
    archive = await download(`${base}/${archiveName}`, downloadMs)
  } catch (error) {
    return {
      isInstalled: false,
      reason: `the download of ${archiveName} broke off (${error instanceof Error ? error.message : String(error)})`,
    }
  }
  const actual = createHash('sha256').update(archive).digest('hex')
  if (actual !== expected)
    return { isInstalled: false, reason: `${archiveName} has the checksum ${actual}, its release says ${expected}; it was thrown away` }
  return { isInstalled: true, path: await unpack(release.name, archive, directory) }
}

/** @param {ScannerRelease} release */
function archiveNameOf({ name, version }) {
  if (name === 'trivy') {
    const platform = {
      'linux-x64': 'Linux-64bit',
      'linux-arm64': 'Linux-ARM64',
      'darwin-x64': 'macOS-64bit',
      'darwin-arm64': 'macOS-ARM64',
    }[`${process.platform}-${process.arch}`]
    return platform && `trivy_${version}_${platform}.tar.gz`
  }
  const architecture = { x64: 'amd64', arm64: 'arm64' }[process.arch]
  return architecture && ['linux', 'darwin'].includes(process.platform)
    ? `${name}_${version}_${process.platform}_${architecture}.tar.gz`
    : undefined
}

/** @param {string} url @param {number} timeoutMs */
async function download(url, timeoutMs) {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) })
  if (!response.ok) throw new Error(`${url} answered ${response.status}`)
  return Buffer.from(await response.arrayBuffer())
}

/** @param {string} name @param {Buffer} archive @param {string} directory */
async function unpack(name, archive, directory) {
  const work = mkdtempSync(join(tmpdir(), 'pharos-release-'))
  try {
    writeFileSync(join(work, 'archive.tar.gz'), archive)
    await mustRun('tar', ['-xzf', join(work, 'archive.tar.gz'), '-C', work, name])
    mkdirSync(directory, { recursive: true })
    chmodSync(join(work, name), 0o755)
    // The temporary folder may be on another file system: copy beside the target, then rename, so nobody sees half a program.
    const draft = join(directory, `.${name}.${process.pid}`)
    await mustRun('cp', [join(work, name), draft])
    renameSync(draft, join(directory, name))
    return join(directory, name)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
