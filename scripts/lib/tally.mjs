/**
 * @typedef {{ passed: number, failed: number, skipped: number }} Counts
 * @typedef {{ file: string, name: string, error: string }} Failure what failed, where, and what it said
 * @typedef {{ file: string, ms: number }} FileTime how long a file of tests took
 * @typedef {Counts & { failures: Failure[], files?: FileTime[] }} Outcome what a suite ended with
 */

/** How much of an error the end of the log shows: a log that is cut keeps its end, so that end must not be long. */
const limitErrorLines = 14
const limitLineLength = 300
const limitShownFailures = 40

/** Sums up what each suite counted. @param {Outcome[]} outcomes @returns {Counts} */
export function sumCounts(outcomes) {
  return outcomes.reduce(
    (total, { passed, failed, skipped }) => ({
      passed: total.passed + passed,
      failed: total.failed + failed,
      skipped: total.skipped + skipped,
    }),
    { passed: 0, failed: 0, skipped: 0 },
  )
}

/** The last line of `npm test`. @param {Counts} counts */
export function summaryLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}

/** A suite that could not say itself what it ended with. @param {string} file @param {string} name @param {string} error @returns {Outcome} */
export function brokenSuite(file, name, error) {
  return { passed: 0, failed: 1, skipped: 0, failures: [{ file, name, error }] }
}

/**
 * What stands right above the last line: every failure with its file, its name and the first lines of its error.
 * @param {Outcome[]} outcomes
 * @returns {string[]}
 */
export function failureLines(outcomes) {
  const failures = outcomes.flatMap((outcome) => outcome.failures)
  const shown = failures.slice(0, limitShownFailures)
  const nameless = sumCounts(outcomes).failed - failures.length
  return [
    ...shown.flatMap(({ file, name, error }, index) => [
      '',
      `failed ${index + 1}: ${[file, name].filter(Boolean).join(' > ')}`,
      ...firstLines(error),
    ]),
    ...(failures.length > shown.length ? ['', `failed: ${failures.length - shown.length} more`] : []),
    ...(nameless > 0 ? ['', `failed: ${nameless} without a name`] : []),
  ]
}

/** @param {string} error */
function firstLines(error) {
  const lines = error.split('\n').filter((line) => line.trim() !== '')
  const shown = lines.slice(0, limitErrorLines).map((line) => `    ${line.slice(0, limitLineLength)}`)
  return lines.length > limitErrorLines ? [...shown, `    (${lines.length - limitErrorLines} more lines)`] : shown
}

/** The files that took longest. @param {Outcome[]} outcomes @param {number} count */
export function slowestFiles(outcomes, count) {
  const files = outcomes.flatMap((outcome) => outcome.files ?? [])
  return files.toSorted((a, b) => b.ms - a.ms).slice(0, count)
}

/**
 * What a suite of Vitest ended with, from its report. A run that failed without naming a failure still counts as one.
 * @param {string} directory the folder of the suite, which its files' names begin with
 * @param {import('./vitest-report.mjs').VitestReport} report
 * @param {number} exitCode
 * @returns {Outcome}
 */
export function readVitest(directory, report, exitCode) {
  const inSuite = (/** @type {string} */ file) => [directory, file].filter(Boolean).join('/')
  const failures = report.failures.map((failure) => ({ ...failure, file: inSuite(failure.file) }))
  if (exitCode !== 0 && failures.length === 0)
    failures.push({ file: directory, name: 'the run', error: `exit code ${exitCode}, and no failure in its report` })
  return {
    passed: report.tests.filter(({ state }) => state === 'passed').length,
    failed: failures.length,
    skipped: report.tests.filter(({ state }) => state === 'skipped').length,
    failures,
    files: report.files.map(({ file, ms }) => ({ file: inSuite(file), ms })),
  }
}

/** Counts the events of `go test -json`, each test without the groups above it. */
export class GoCounter {
  /** @type {Map<string, string>} */
  #ends = new Map()
  /** @type {Set<string>} */
  #groups = new Set()
  #brokenPackages = new Set()
  /** What failed tests printed. @type {Map<string, string>} */
  #output = new Map()

  /** Takes one line of output. @param {string} line */
  take(line) {
    let event
    try {
      event = JSON.parse(line)
    } catch {
      // Words of the go command itself, e.g. of a download.
      return
    }
    const { Action: action, Package: packageName, Test: test, Output: output } = event
    if (test === undefined) {
      if (action === 'fail') this.#brokenPackages.add(packageName)
      if (action === 'build-output' || action === 'output') this.#append(packageName ?? event.ImportPath, output)
      return
    }
    const key = `${packageName} ${test}`
    const cut = test.lastIndexOf('/')
    if (cut > 0) this.#groups.add(`${packageName} ${test.slice(0, cut)}`)
    if (action === 'output') this.#append(key, output)
    if (['pass', 'fail', 'skip'].includes(action)) this.#ends.set(key, action)
  }

  /** @returns {Counts} */
  counts() {
    const counts = { passed: 0, failed: 0, skipped: 0 }
    const packagesWithFailedTests = new Set()
    for (const [key, action] of this.#ends) {
      if (action === 'fail') packagesWithFailedTests.add(key.split(' ')[0])
      if (this.#groups.has(key)) continue
      counts[action === 'pass' ? 'passed' : action === 'fail' ? 'failed' : 'skipped'] += 1
    }
    for (const name of this.#brokenPackages) if (!packagesWithFailedTests.has(name)) counts.failed += 1
    return counts
  }

  /** Each failed test with what it printed; a group's failure is told by its tests. @returns {Failure[]} */
  failures() {
    const failed = [...this.#ends].filter(([key, action]) => action === 'fail' && !this.#groups.has(key)).map(([key]) => key)
    const withFailedTests = new Set([...this.#ends].filter(([, action]) => action === 'fail').map(([key]) => key.split(' ')[0]))
    const broken = [...this.#brokenPackages].filter((name) => !withFailedTests.has(name))
    return [...failed, ...broken].map((key) => {
      const [file = '', name = 'the package itself'] = key.split(' ')
      return { file, name, error: (this.#output.get(key) ?? '').trimEnd() }
    })
  }

  /** @param {string} key @param {string} [text] */
  #append(key, text = '') {
    this.#output.set(key, (this.#output.get(key) ?? '') + text)
  }
}
