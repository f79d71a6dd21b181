import { existsSync, readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inHome, root } from './places.mjs'
import { mustRun } from './run-command.mjs'

const directory = inHome('tools', 'pnpm')

/** The version of pnpm that package.json pins. */
function pinnedPnpm() {
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  return /** @type {string} */ (packageManager).replace(/^pnpm@/, '').replace(/\+.*/, '')
}

/** The pinned pnpm, which npm fetches into the tools folder when it is not there yet. @returns {Promise<string>} folder of its program */
export async function installPnpm() {
  const version = pinnedPnpm()
  if (installedVersion(join(directory, 'node_modules', 'pnpm')) !== version) {
    await mkdir(directory, { recursive: true })
    await writeFile(join(directory, 'package.json'), JSON.stringify({ private: true }))
    await mustRun('npm', ['install', '--prefix', directory, '--no-audit', '--no-fund', '--no-save', '--loglevel=error', `pnpm@${version}`])
  }
  return join(directory, 'node_modules', '.bin')
}

/** @param {string} packageDirectory */
function installedVersion(packageDirectory) {
  const path = join(packageDirectory, 'package.json')
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).version : undefined
}
