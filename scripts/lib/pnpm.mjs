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

/**
 * Runs the pinned pnpm, which npm fetches into the tools folder when it is not there yet.
 * @param {string[]} args
 * @param {Parameters<typeof mustRun>[2]} [options]
 */
export async function pnpm(args, options) {
  const version = pinnedPnpm()
  const packageDirectory = join(directory, 'node_modules', 'pnpm')
  if (installedVersion(packageDirectory) !== version) {
    await mkdir(directory, { recursive: true })
    await writeFile(join(directory, 'package.json'), JSON.stringify({ private: true }))
    await mustRun('npm', ['install', '--prefix', directory, '--no-audit', '--no-fund', '--no-save', '--loglevel=error', `pnpm@${version}`])
  }
  // pnpm prints progress bars unless it is told that nobody watches.
  return mustRun(join(directory, 'node_modules', '.bin', 'pnpm'), args, { ...options, environment: { CI: '1', ...options?.environment } })
}

/** @param {string} packageDirectory */
function installedVersion(packageDirectory) {
  const path = join(packageDirectory, 'package.json')
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).version : undefined
}
