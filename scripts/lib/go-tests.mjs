import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram } from './find-program.mjs'
import { root } from './places.mjs'
import { runCommand } from './run-command.mjs'
import { GoCounter } from './tally.mjs'
import { say } from './terminal.mjs'

/** Runs the tests of the Go programs, where Go is present. @returns {Promise<import('./tally.mjs').Counts>} */
export async function runGoTests() {
  const directory = join(root, 'tools')
  if (!existsSync(join(directory, 'go.mod'))) return { passed: 0, failed: 0, skipped: 0 }
  say('\ntools')
  if (findProgram('go') === undefined) {
    say('skipped: Go is not on PATH')
    return { passed: 0, failed: 0, skipped: 1 }
  }
  const counter = new GoCounter()
  // The flags of the build: with others Go would compile the scanners a second time.
  const { exitCode, output } = await runCommand('go', ['test', '-json', './...'], {
    cwd: directory,
    environment: { CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOFLAGS: '-mod=readonly -buildvcs=false -trimpath', GOWORK: 'off' },
    onLine: (line) => counter.take(line),
  })
  const counts = counter.counts()
  if (counts.failed > 0) say(counter.failures())
  if (exitCode !== 0 && counts.failed === 0) {
    say(output)
    return { ...counts, failed: 1 }
  }
  say(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
  return counts
}
