import { findProgram } from './find-program.mjs'
import { mustRun } from './run-command.mjs'
import { say } from './terminal.mjs'

/**
 * Names of a program's package, by the program that installs packages.
 * @typedef {Partial<Record<'apt-get' | 'apk' | 'dnf', string>>} PackageNames
 */

/** @type {readonly { program: keyof PackageNames, prepare: string[][], install: string[] }[]} */
const managers = [
  { program: 'apt-get', prepare: [['update', '-q']], install: ['install', '-y', '-q', '--no-install-recommends'] },
  { program: 'apk', prepare: [], install: ['add', '--no-cache'] },
  { program: 'dnf', prepare: [], install: ['install', '-y', '-q'] },
]
const installTimeoutMs = 180_000

/**
 * A program on PATH; when it is missing and this process may install packages (root), its package is installed. Undefined when it
 * cannot be had: there is no right to install, no known package, or the installation fails, which is told.
 * @param {string} program
 * @param {PackageNames} packages
 * @param {{ isRoot?: boolean, run?: typeof mustRun }} [options]
 * @returns {Promise<string | undefined>}
 */
export async function findOrInstall(program, packages, { isRoot = process.getuid?.() === 0, run = mustRun } = {}) {
  const found = findProgram(program)
  if (found) return found
  const manager = managers.find((known) => findProgram(known.program) !== undefined)
  const name = manager && packages[manager.program]
  if (!isRoot || name === undefined) return undefined
  say(`${program} is missing; installing it with ${manager.program}`)
  try {
    for (const args of [...manager.prepare, [...manager.install, name]]) {
      await run(manager.program, args, { timeoutMs: installTimeoutMs, environment: { DEBIAN_FRONTEND: 'noninteractive' } })
    }
  } catch (error) {
    say(`${program} could not be installed: ${error instanceof Error ? error.message : String(error)}`)
    return undefined
  }
  return findProgram(program)
}
