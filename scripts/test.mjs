#!/usr/bin/env node
// npm test: checks, builds, and every test there is. The last line is `N passed, N failed, N skipped`.
import './lib/node-version.mjs'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { bootstrap } from './bootstrap.mjs'
import { runGoTests } from './lib/go-tests.mjs'
import { findOrInstallRedis, testKit } from './lib/servers.mjs'
import { inHome, root } from './lib/places.mjs'
import { Shutdown } from './lib/shutdown.mjs'
import { findOrInstall } from './lib/system-packages.mjs'
import { brokenSuite, failureLines, slowestFiles, summaryLine, sumCounts } from './lib/tally.mjs'
import { say, warn } from './lib/terminal.mjs'
import { runSuite, suiteDirectories } from './lib/vitest-suites.mjs'
import { describeTools, obtainTools } from './scanners.mjs'

const shutdown = new Shutdown()
const shownSlowFiles = 20
/** @type {import('./lib/tally.mjs').Outcome[]} */
const outcomes = []

async function test() {
  await bootstrap()
  describeTools(await obtainTools())
  if (!process.env.REDIS_URL) await findOrInstallRedis()
  // The reference implementation of a registry, for one suite that is reported as skipped without it.
  await findOrInstall('docker-registry', { 'apt-get': 'docker-registry' })
  shutdown.add('servers of the tests', endTestServers)
  await (await testKit()).endOrphans()
  useOwnTemporaryFolder()
  await holdPostgres()
  const suites = [runChecks, ...suiteDirectories().map((directory) => () => runSuite(directory)), runGoTests]
  for (const suite of suites) {
    if (shutdown.isRequested) throw new Error('the tests were broken off')
    outcomes.push(await suite())
  }
}

/** One server for the whole run: between two test files it would end, and the next file would wait for another. */
async function holdPostgres() {
  const postgres = await (await testKit()).startPostgres()
  shutdown.add('PostgreSQL of the tests', () => postgres.close())
}

/** What tests leave in their temporary folder goes with it, also when one is killed. */
function useOwnTemporaryFolder() {
  const directory = inHome('test', 'tmp')
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  process.env.TMPDIR = directory
  shutdown.add('temporary files', async () => rmSync(directory, { recursive: true, force: true }))
}

/** @returns {Promise<import('./lib/tally.mjs').Outcome>} */
async function runChecks() {
  if (!existsSync(join(root, 'scripts', 'checks.mjs'))) return { passed: 0, failed: 0, skipped: 0, failures: [] }
  say('\nchecks')
  const { runChecks: run } = await import('./checks.mjs')
  return run({ print: say })
}

/** The servers that all test files share, and what files that were killed left behind. */
async function endTestServers() {
  const kit = await testKit()
  await kit.stopSharedPostgres()
  await kit.endOrphans()
  if (process.env.DATABASE_URL) await kit.dropTestDatabases(process.env.DATABASE_URL, 'drop-templates')
}

shutdown.onSignals()
try {
  await test()
} catch (error) {
  warn(error instanceof Error ? error.message : String(error))
  outcomes.push(brokenSuite('scripts/test.mjs', 'the run', error instanceof Error ? (error.stack ?? error.message) : String(error)))
}
await shutdown.run()
say(
  `\nslowest files: ${slowestFiles(outcomes, shownSlowFiles)
    .map(({ file, ms }) => `${file} ${(ms / 1000).toFixed(1)} s`)
    .join(', ')}`,
)
failureLines(outcomes).forEach((line) => say(line))
const total = sumCounts(outcomes)
say()
say(summaryLine(total))
process.exit(total.failed > 0 ? 1 : 0)
