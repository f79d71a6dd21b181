import { describe, expect, it } from 'vitest'
import { linesRefused } from '../lines-refused.mjs'

const pure = 'apps/scheduler/src/watch.spec.ts'
const real = 'apps/scheduler/src/watch.int-spec.ts'

/** Sentence, rule, path, source, refused lines. */
const cases = [
  ['an integration spec may connect', 'specs-are-pure', real, "import pg from 'pg'\n", []],
  ['a pure spec may not connect', 'specs-are-pure', pure, "import { Redis } from 'ioredis'\n", [1]],
  ['a server that answers late is not a sleep', 'tests-do-not-sleep', real, 'setTimeout(() => response.end(), 50)\n', []],
  ['a fixed sleep is refused', 'tests-do-not-sleep', real, '\nawait new Promise((done) => setTimeout(done, 50))\n', [2]],
  ['a fixed sleep with a type is refused', 'tests-do-not-sleep', real, 'await new Promise<void>(done => { setTimeout(done, 50) })\n', [1]],
  ['the sleep of Node is refused', 'tests-do-not-sleep', pure, "import { setTimeout } from 'node:timers/promises'\n", [1]],
  ['a stated condition may skip', 'tests-are-all-run', real, "it.skipIf(!hasTrivy)('scans', () => {})\n", []],
  ['a test that expects is right', 'tests-assert', pure, "it('a', () => { expect(1).toBe(2) })\n", []],
  ['a test that asserts through a named function is right', 'tests-assert', pure, "it('a', () => { expectSame(a, b) })\n", []],
  ['a test without an assertion is refused', 'tests-assert', pure, "\nit('a', () => { run() })\n", [2]],
  ['a table without an assertion is refused', 'tests-assert', pure, "it.each(cases)('%s', () => { run() })\n", [1]],
  ['a suite needs none', 'tests-assert', pure, "describe('a', () => { prepare() })\n", []],
  ['a focused test is refused', 'tests-are-all-run', pure, "describe.only('a', () => {})\n", [1]],
  ['a skipped test is refused', 'tests-are-all-run', pure, "\nit.skip('a', () => {})\n", [2]],
]

describe('tests', () => {
  it.each(cases)('%s', (_sentence, rule, path, text, lines) => {
    expect(linesRefused(rule, path, text)).toEqual(lines)
  })
})
