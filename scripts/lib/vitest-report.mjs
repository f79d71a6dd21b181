// A reporter of Vitest: one file that says what every test ended with, and every error with its place, also those outside of tests.
import { writeFileSync } from 'node:fs'

/**
 * @typedef {object} VitestReport
 * @property {{ file: string, name: string, state: 'passed' | 'failed' | 'skipped' }[]} tests
 * @property {import('./tally.mjs').Failure[]} failures
 * @property {import('./tally.mjs').FileTime[]} files
 *
 * @typedef {{ name?: string, message?: string, stack?: string, diff?: string }} VitestError
 * @typedef {{ fullName: string, result: () => { state: string, errors?: readonly VitestError[] } }} VitestTest
 * @typedef {{ fullName: string, errors: () => VitestError[] }} VitestGroup
 * @typedef {{ relativeModuleId: string, errors: () => VitestError[], diagnostic: () => { duration: number, collectDuration: number },
 *   children: { allTests: () => Iterable<VitestTest>, allSuites: () => Iterable<VitestGroup> } }} VitestModule
 */

/** Terminal colours, which Vitest puts into messages and differences. */
const colours = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g')

/** What one error says: its message, the difference that it shows, its stack. @param {VitestError} error */
function describeError({ name = 'Error', message = '', stack = '', diff }) {
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line) && !line.includes('node_modules'))
  return [`${name}: ${message}`, ...(diff ? [diff] : []), ...frames].join('\n').replace(colours, '')
}

/** @param {readonly VitestError[]} errors */
const describeErrors = (errors) => errors.map(describeError).join('\n')

/**
 * Reads a run that ended. An error of a file or a group (it did not load, its set-up failed) counts as a failure of its own, because the
 * tests in it were never run; so does an error that belongs to no test.
 * @param {Iterable<VitestModule>} modules
 * @param {readonly VitestError[]} unhandledErrors
 * @returns {VitestReport}
 */
function readRun(modules, unhandledErrors) {
  /** @type {VitestReport} */
  const report = { tests: [], failures: [], files: [] }
  for (const module of modules) {
    const file = module.relativeModuleId
    const { duration, collectDuration } = module.diagnostic()
    report.files.push({ file, ms: Math.round(duration + collectDuration) })
    if (module.errors().length > 0) report.failures.push({ file, name: 'the file itself', error: describeErrors(module.errors()) })
    for (const group of module.children.allSuites())
      if (group.errors().length > 0) report.failures.push({ file, name: group.fullName, error: describeErrors(group.errors()) })
    for (const test of module.children.allTests()) {
      const { state, errors = [] } = test.result()
      const isKnown = state === 'passed' || state === 'failed' || state === 'skipped'
      report.tests.push({ file, name: test.fullName, state: isKnown ? state : 'failed' })
      if (state === 'failed') report.failures.push({ file, name: test.fullName, error: describeErrors(errors) })
      if (!isKnown) report.failures.push({ file, name: test.fullName, error: 'the test did not end' })
    }
  }
  for (const error of unhandledErrors)
    report.failures.push({ file: '', name: 'an error outside of every test', error: describeError(error) })
  return report
}

/** Vitest makes a reporter by its default export, and tells it where to write as `--outputFile.pharos`. */
// oxlint-disable-next-line import/no-default-export -- Vitest takes a reporter from nowhere else.
export default class PharosReporter {
  #path = ''

  /** @param {{ config: { outputFile?: unknown } }} vitest */
  onInit({ config }) {
    this.#path = /** @type {{ pharos: string }} */ (config.outputFile).pharos
  }

  /** @param {Iterable<VitestModule>} modules @param {readonly VitestError[]} unhandledErrors */
  onTestRunEnd(modules, unhandledErrors) {
    writeFileSync(this.#path, JSON.stringify(readRun(modules, unhandledErrors)))
  }
}
