import { describe, expect, it } from 'vitest'
import { brokenSuite, failureLines, GoCounter, readVitest, slowestFiles, summaryLine, sumCounts } from './tally.mjs'

const noFailures = { failures: [] }

describe('the tally of a test run', () => {
  it('sums up and prints the counts in the agreed form', () => {
    const total = sumCounts([
      { passed: 3, failed: 0, skipped: 1, ...noFailures },
      { passed: 4, failed: 2, skipped: 0, ...noFailures },
    ])
    expect(summaryLine(total)).toBe('7 passed, 2 failed, 1 skipped')
  })

  it('reads the counts of a suite, with the folder before each file', () => {
    const report = {
      tests: [
        { file: 'src/a.spec.ts', name: 'one', state: 'passed' },
        { file: 'src/a.spec.ts', name: 'two', state: 'failed' },
        { file: 'src/a.spec.ts', name: 'three', state: 'skipped' },
      ],
      failures: [{ file: 'src/a.spec.ts', name: 'two', error: 'Error: no' }],
      files: [{ file: 'src/a.spec.ts', ms: 12 }],
    }
    expect(readVitest('packages/x', report, 1)).toEqual({
      passed: 1,
      failed: 1,
      skipped: 1,
      failures: [{ file: 'packages/x/src/a.spec.ts', name: 'two', error: 'Error: no' }],
      files: [{ file: 'packages/x/src/a.spec.ts', ms: 12 }],
    })
  })

  it('names a run that failed without a failure', () => {
    expect(readVitest('packages/x', { tests: [], failures: [], files: [] }, 1)).toMatchObject({
      failed: 1,
      failures: [{ file: 'packages/x', error: expect.stringContaining('exit code 1') }],
    })
  })

  it('finds the slowest files of all suites', () => {
    const outcomes = [
      { ...brokenSuite('a', 'b', 'c'), files: [{ file: 'quick', ms: 1 }] },
      {
        ...brokenSuite('a', 'b', 'c'),
        files: [
          { file: 'slow', ms: 9 },
          { file: 'middle', ms: 5 },
        ],
      },
    ]
    expect(slowestFiles(outcomes, 2).map(({ file }) => file)).toEqual(['slow', 'middle'])
  })
})

describe('the failures above the last line', () => {
  it('are none when nothing failed', () => {
    expect(failureLines([{ passed: 1, failed: 0, skipped: 0, failures: [] }])).toEqual([])
  })

  it('have the file, the name and the first lines of the error', () => {
    const error = ['AssertionError: expected 1 to be 2', '', ...Array.from({ length: 40 }, (_, index) => `line ${index}`)].join('\n')
    const lines = failureLines([
      { passed: 0, failed: 1, skipped: 0, failures: [{ file: 'apps/x/src/a.spec.ts', name: 'adds > up', error }] },
    ])
    expect(lines.slice(0, 3)).toEqual(['', 'failed 1: apps/x/src/a.spec.ts > adds > up', '    AssertionError: expected 1 to be 2'])
    expect(lines.at(-1)).toMatch(/^ {4}\(\d+ more lines\)$/)
    expect(lines.length).toBeLessThan(20)
  })

  it('are told by number where there are too many, or where one has no name', () => {
    const failures = Array.from({ length: 60 }, (_, index) => ({ file: 'f', name: `test ${index}`, error: 'no' }))
    const lines = failureLines([{ passed: 0, failed: 61, skipped: 0, failures }])
    expect(lines.filter((line) => line.startsWith('failed'))).toHaveLength(42)
    expect(lines.slice(-4)).toEqual(['', 'failed: 20 more', '', 'failed: 1 without a name'])
  })
})

describe('the counter of Go tests', () => {
  it.each([
    [
      'counts sub-tests and not their group',
      [
        ['p', 'TestA/one', 'pass'],
        ['p', 'TestA/two', 'skip'],
        ['p', 'TestA', 'pass'],
        ['p', undefined, 'pass'],
      ],
      { passed: 1, failed: 0, skipped: 1 },
    ],
    [
      'counts a failed test once, not its package as well',
      [
        ['p', 'TestA', 'fail'],
        ['p', undefined, 'fail'],
      ],
      { passed: 0, failed: 1, skipped: 0 },
    ],
    [
      'counts a failed sub-test once, not its group as well',
      [
        ['p', 'TestA/one', 'fail'],
        ['p', 'TestA', 'fail'],
        ['p', undefined, 'fail'],
      ],
      { passed: 0, failed: 1, skipped: 0 },
    ],
    ['counts a package that does not build as a failure', [['p', undefined, 'fail']], { passed: 0, failed: 1, skipped: 0 }],
  ])('%s', (_sentence, events, expected) => {
    const counter = new GoCounter()
    counter.take('go: downloading something')
    for (const [Package, Test, Action] of events) counter.take(JSON.stringify({ Package, Test, Action }))
    expect(counter.counts()).toEqual(expected)
    expect(counter.failures()).toHaveLength(expected.failed)
  })

  it('gives each failure with what its test printed', () => {
    const counter = new GoCounter()
    for (const event of [
      { Package: 'p/q', Test: 'TestA', Action: 'output', Output: '    a_test.go:3: wrong\n' },
      { Package: 'p/q', Test: 'TestA', Action: 'fail' },
      { Package: 'p/q', Action: 'fail' },
    ])
      counter.take(JSON.stringify(event))
    expect(counter.failures()).toEqual([{ file: 'p/q', name: 'TestA', error: '    a_test.go:3: wrong' }])
  })
})
