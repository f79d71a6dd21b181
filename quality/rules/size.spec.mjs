import { describe, expect, it } from 'vitest'
import { linesRefused } from '../lines-refused.mjs'

const constructorOf = (count) =>
  `class A { constructor(${Array.from({ length: count }, (_, at) => `private readonly p${at}: P`).join(', ')}) {} }\n`

/** Sentence, rule, path, source, refused lines. */
const cases = [
  ['400 lines are right', 'files-have-one-subject', 'apps/cli/src/a.ts', 'a()\n'.repeat(400), []],
  ['401 lines are too many', 'files-have-one-subject', 'apps/cli/src/a.ts', 'a()\n'.repeat(401), [400]],
  ['a fixture may be long', 'files-have-one-subject', 'packages/scanners/src/__fixtures__/a.ts', 'a()\n'.repeat(401), []],
  ['30 lines of main are right', 'main-is-short', 'apps/cli/src/main.ts', 'a()\n'.repeat(30), []],
  ['31 lines of main are too many', 'main-is-short', 'apps/cli/src/main.ts', 'a()\n'.repeat(31), [30]],
  ['seven parameters are right', 'constructors-are-narrow', 'apps/cli/src/a.ts', constructorOf(7), []],
  ['eight parameters are too many', 'constructors-are-narrow', 'apps/cli/src/a.ts', constructorOf(8), [1]],
]

describe('size', () => {
  it.each(cases)('%s', (_sentence, rule, path, text, lines) => {
    expect(linesRefused(rule, path, text)).toEqual(lines)
  })
})
