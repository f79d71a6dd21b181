import { describe, expect, it } from 'vitest'
import { countVitest, GoCounter, summaryLine, sumCounts } from './tally.mjs'

describe('the tally of a test run', () => {
  it('sums up and prints the counts in the agreed form', () => {
    const total = sumCounts([
      { passed: 3, failed: 0, skipped: 1 },
      { passed: 4, failed: 2, skipped: 0 },
    ])
    expect(summaryLine(total)).toBe('7 passed, 2 failed, 1 skipped')
  })

  it('counts a file that could not be loaded as a failure', () => {
    const testResults = [
      { status: 'failed', assertionResults: [] },
      { status: 'passed', assertionResults: [{}] },
    ]
    expect(countVitest({ numPassedTests: 1, numFailedTests: 0, numPendingTests: 2, numTodoTests: 1, testResults })).toEqual({
      passed: 1,
      failed: 1,
      skipped: 3,
    })
  })

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
    ['counts a package that does not build as a failure', [['p', undefined, 'fail']], { passed: 0, failed: 1, skipped: 0 }],
  ])('%s', (_sentence, events, expected) => {
    const counter = new GoCounter()
    counter.take('go: downloading something')
    for (const [Package, Test, Action] of events) counter.take(JSON.stringify({ Package, Test, Action }))
    expect(counter.counts()).toEqual(expected)
  })
})
