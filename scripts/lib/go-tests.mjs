import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram } from './find-program.mjs'
import { root } from './places.mjs'
import { runCommand } from './run-command.mjs'
import { brokenSuite, GoCounter, summaryLine } from './tally.mjs'
import { say } from './terminal.mjs'

/** Runs the tests of the Go programs, where Go is present. @returns {Promise<import('./tally.mjs').Outcome>} */
export async function runGoTests() {
  const directory = join(root, 'tools')
  if (!existsSync(join(directory, 'go.mod'))) return { passed: 0, failed: 0, skipped: 0, failures: [] }
  say('\ntools')
  if (findProgram('go') === undefined) {
    say('skipped: Go is not on PATH')
    return { passed: 0, failed: 0, skipped: 1, failures: [] }
  }
  const counter = new GoCounter()
  // The flags of the build: with others Go would compile the scanners a second time.
  const { exitCode, output } = await runCommand('go', ['test', '-json', './...'], {
    cwd: directory,
    environment: { CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOFLAGS: '-mod=readonly -buildvcs=false -trimpath', GOWORK: 'off' },
    onLine: (line) => counter.take(line),
  })
  const counts = counter.counts()
  const failures = counter.failures()
  for (const { file, name, error } of failures) say(`${file} ${name}\n${error}`)
  if (exitCode !== 0 && failures.length === 0) {
    say(output)
    return { ...brokenSuite('tools', 'go test', `exit code ${exitCode}\n${output}`), passed: counts.passed, skipped: counts.skipped }
  }
  say(summaryLine(counts))
  return { ...counts, failures }
}
