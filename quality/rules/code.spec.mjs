import { describe, expect, it } from 'vitest'
import { linesRefused } from '../lines-refused.mjs'

const service = 'apps/scheduler/src/watch/watch.service.ts'
const library = 'packages/scanners/src/scanner.ts'

/** Sentence, rule, path, source, refused lines. */
const cases = [
  ['a union is right', 'unions-not-enums', library, "export type State = 'queued' | 'running'\n", []],
  ['an enum is wrong', 'unions-not-enums', library, '\nenum State {}\n', [2]],
  ['two words in lower case are right', 'log-messages-are-constant', service, "log.info('watch started', { tag })\n", []],
  [
    'fields before the message are right',
    'log-messages-are-constant',
    service,
    "this.logger.warn({ tag }, 'tag-watch resolve-failed')\n",
    [],
  ],
  ['one word is no event of a process', 'log-messages-are-constant', service, "log.info('started')\n", [1]],
  ['capitals and marks are wrong', 'log-messages-are-constant', service, "log.info('Watch started.')\n", [1]],
  ['a template is not constant', 'log-messages-are-constant', service, 'log.info(`watch ${tag}`)\n', [1]],
  ['a sum is not constant', 'log-messages-are-constant', service, "childLogger.error('watch ' + tag)\n", [1]],
  ['another object with an info method is no logger', 'log-messages-are-constant', service, "console.info('Hello!')\n", []],
  ['a counter with prefix and total is right', 'metrics-have-one-prefix', library, "new Counter({ name: 'pharos_scans_total' })\n", []],
  ['a histogram in seconds is right', 'metrics-have-one-prefix', library, "new Histogram({ name: 'pharos_scan_duration_seconds' })\n", []],
  ['a metric without the prefix is wrong', 'metrics-have-one-prefix', library, "new Gauge({ name: 'queue_depth' })\n", [1]],
  ['a counter without total is wrong', 'metrics-have-one-prefix', library, "new Counter({ name: 'pharos_scans' })\n", [1]],
  ['milliseconds are no base unit', 'metrics-have-one-prefix', library, "new Histogram({ name: 'pharos_scan_ms' })\n", [1]],
  ['a documented interface is right', 'interfaces-are-documented', library, '/** Runs. */\nexport interface Scanner {}\n', []],
  ['an interface without a doc comment is wrong', 'interfaces-are-documented', library, 'const a = 1\nexport interface Scanner {}\n', [2]],
  ['an interface of the file alone needs none', 'interfaces-are-documented', library, 'interface Scanner {}\n', []],
  ['a typed error is right', 'services-throw-typed-errors', service, "throw new PharosError('not-found', 'no tag')\n", []],
  ['an error that is thrown on is right', 'services-throw-typed-errors', service, 'try { a() } catch (error) { throw error }\n', []],
  ['a bare error is wrong', 'services-throw-typed-errors', service, "\nthrow new Error('no tag')\n", [2]],
]

describe('code', () => {
  it.each(cases)('%s', (_sentence, rule, path, text, lines) => {
    expect(linesRefused(rule, path, text)).toEqual(lines)
  })
})
