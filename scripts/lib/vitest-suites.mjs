import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { inHome, root } from './places.mjs'
import { runCommand } from './run-command.mjs'
import { brokenSuite, readVitest } from './tally.mjs'
import { say, warn } from './terminal.mjs'
import { workspaceDirectories } from './workspace.mjs'

/** Folders with tests of their own: each package, the scripts, and the flows over all services, which come last. The checks run their own specs. */
export function suiteDirectories() {
  const all = [...workspaceDirectories(), 'scripts', 'tests/flows']
  return all.filter((directory) => ['vitest.config.ts', 'vitest.config.mjs'].some((name) => existsSync(join(root, directory, name))))
}

/**
 * Runs the tests of one folder.
 * @param {string} directory
 * @returns {Promise<import('./tally.mjs').Outcome>}
 */
export async function runSuite(directory) {
  const reports = inHome('test', 'reports')
  await mkdir(reports, { recursive: true })
  const reportPath = join(reports, `${directory.replaceAll('/', '-')}.json`)
  await rm(reportPath, { force: true })
  say(`\n${directory}`)
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const reporter = join(root, 'scripts', 'lib', 'vitest-report.mjs')
  const { exitCode } = await runCommand(
    process.execPath,
    [vitest, 'run', '--passWithNoTests', '--reporter=default', `--reporter=${reporter}`, `--outputFile.pharos=${reportPath}`],
    { cwd: join(root, directory), isShown: true },
  )
  if (!existsSync(reportPath)) {
    warn(`the tests of ${directory} ended without a report (exit code ${exitCode})`)
    return brokenSuite(directory, 'the run', `ended without a report (exit code ${exitCode})`)
  }
  return readVitest(directory, JSON.parse(readFileSync(reportPath, 'utf8')), exitCode)
}
