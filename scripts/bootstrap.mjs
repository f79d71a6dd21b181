#!/usr/bin/env node
// Gets everything that the repository needs to run: pnpm, the packages, the build. Needs Node and npm alone.
import './lib/node-version.mjs'
import { existsSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withLock } from '../packages/test-kit/plain/lock-file.mjs'
import { inHome, root } from './lib/places.mjs'
import { installPnpm } from './lib/pnpm.mjs'
import { mustRun } from './lib/run-command.mjs'
import { hashOf, hasStamp, writeStamp } from './lib/stamp.mjs'
import { step } from './lib/terminal.mjs'
import { workspaceDirectories } from './lib/workspace.mjs'

/** Installs the packages when the lock file or a package.json changed, and builds what changed. */
export async function bootstrap() {
  await withLock(
    inHome('run', 'bootstrap.lock'),
    async () => {
      const pnpmDirectory = await installPnpm()
      await installPackages(pnpmDirectory)
      await build(pnpmDirectory)
    },
    900_000,
  )
}

/** @param {string} pnpmDirectory */
async function installPackages(pnpmDirectory) {
  const inputs = [
    'package.json',
    'pnpm-lock.yaml',
    'pnpm-workspace.yaml',
    ...workspaceDirectories().map((directory) => join(directory, 'package.json')),
  ]
  const hash = hashOf(
    inputs.map((path) => join(root, path)),
    process.version,
    process.platform,
    process.arch,
  )
  // In node_modules, so that whoever removes the packages removes the stamp with them.
  const stampPath = join(root, 'node_modules', '.pharos-installed')
  if (hasStamp(stampPath, hash)) return
  await step('Packages installed', () =>
    // This is the pinned pnpm already: without the last option it would look itself up in a lock file that does not name it.
    mustRun(join(pnpmDirectory, 'pnpm'), ['install', '--frozen-lockfile', '--prefer-offline', '--config.pm-on-fail=ignore'], {
      environment: { CI: '1' },
    }),
  )
  writeStamp(stampPath, hash)
}

/** @param {string} pnpmDirectory */
async function build(pnpmDirectory) {
  const turbo = join(root, 'node_modules', '.bin', 'turbo')
  if (!existsSync(turbo)) throw new Error('turbo is missing from node_modules; remove node_modules and start again')
  await step('Services built', () =>
    // The apps and what they need; tests and benchmarks run from their sources or build for themselves.
    mustRun(
      turbo,
      [
        'run',
        'build',
        '--filter=./apps/*',
        '--filter=starlark-js-bridge',
        '--output-logs=errors-only',
        '--ui=stream',
        '--no-update-notifier',
      ],
      {
        environment: {
          // turbo starts each build through the package manager that it finds on PATH.
          PATH: `${pnpmDirectory}${delimiter}${process.env.PATH}`,
          TURBO_TELEMETRY_DISABLED: '1',
          DO_NOT_TRACK: '1',
        },
      },
    ),
  )
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) await bootstrap()
