/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

/** Sums up what each suite counted. @param {Counts[]} counts @returns {Counts} */
export function sumCounts(counts) {
  return counts.reduce(
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

/**
 * The counts in a report of Vitest's JSON reporter. A file that could not be loaded holds no test and counts as one failure.
 * @param {{ numPassedTests: number, numFailedTests: number, numPendingTests: number, numTodoTests?: number, testResults?: { status: string, assertionResults: unknown[] }[] }} report
 * @returns {Counts}
 */
export function countVitest(report) {
  const brokenFiles = (report.testResults ?? []).filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + brokenFiles,
    skipped: report.numPendingTests + (report.numTodoTests ?? 0),
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

  /** @returns {import('./tally.mjs').Counts} */
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

  /** What the failed ones printed. */
  failures() {
    const keys = [...this.#ends].filter(([, action]) => action === 'fail').map(([key]) => key)
    return [...keys, ...this.#brokenPackages].map((key) => `${key}\n${this.#output.get(key) ?? ''}`.trimEnd()).join('\n')
  }

  /** @param {string} key @param {string} [text] */
  #append(key, text = '') {
    this.#output.set(key, (this.#output.get(key) ?? '') + text)
  }
}
