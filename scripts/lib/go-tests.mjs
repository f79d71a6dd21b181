import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram } from './find-program.mjs'
import { root } from './places.mjs'
import { runCommand } from './run-command.mjs'
import { brokenSuite, GoCounter, summaryLine, sumCounts } from './tally.mjs'
import { say } from './terminal.mjs'

/** The Go modules of the project. The tables of the second are made when its package is built. */
const modules = ['tools', 'packages/starlark-js-bridge/go']

/** Runs the tests of the Go modules, where Go is present. @returns {Promise<import('./tally.mjs').Outcome>} */
export async function runGoTests() {
  const present = modules.filter((module) => existsSync(join(root, module, 'go.mod')))
  const outcomes = []
  for (const module of present) outcomes.push(await testModule(module))
  return { ...sumCounts(outcomes), failures: outcomes.flatMap(({ failures }) => failures) }
}

/** @param {string} module @returns {Promise<import('./tally.mjs').Outcome>} */
async function testModule(module) {
  say(`\n${module}`)
  if (findProgram('go') === undefined) {
    say('skipped: Go is not on PATH')
    return { passed: 0, failed: 0, skipped: 1, failures: [] }
  }
  const counter = new GoCounter()
  // The flags of the build: with others Go would compile everything a second time.
  const { exitCode, output } = await runCommand('go', ['test', '-json', '-timeout', '30m', './...'], {
    cwd: join(root, module),
    environment: { CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOFLAGS: '-mod=readonly -buildvcs=false -trimpath', GOWORK: 'off' },
    onLine: (line) => counter.take(line),
  })
  const counts = counter.counts()
  const failures = counter.failures()
  for (const { file, name, error } of failures) say(`${file} ${name}\n${error}`)
  if (exitCode !== 0 && failures.length === 0) {
    say(output)
    return { ...brokenSuite(module, 'go test', `exit code ${exitCode}\n${output}`), passed: counts.passed, skipped: counts.skipped }
  }
  say(summaryLine(counts))
  return { ...counts, failures }
}
