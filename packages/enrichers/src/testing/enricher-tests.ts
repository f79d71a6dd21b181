import { posix } from 'node:path'
import type { EnricherOutcome, EnricherProblem } from '@pharos/contracts'
import type { BridgeOptions } from 'starlark-js-bridge'
import type { Enricher, EnricherSet } from '../format/enricher-set.js'
import { checkDocument, readDocument } from '../format/read-document.js'
import { samplePayload } from '../library/sample-payload.js'
import { createEnricherRunner, type EnricherRunner } from '../run/enricher-runner.js'
import type { YamlDocument } from '../yaml/yaml-document.js'
import { plainOf, type YamlMap, YamlFloat, YamlInteger, type YamlValue } from '../yaml/yaml-value.js'
import { differencesOf } from './differences.js'
import { EnricherTestFile, type TestCase } from './test-file-schema.js'

/** What came of one case of a `*.test.yaml`. */
export interface EnricherTestResult {
  /** '' when the file could not be read. */
  enricher: string
  file: string
  line: number
  name: string
  ok: boolean
  /** What is not as expected, a line each; empty when the case passed. */
  messages: string[]
  prints: string[]
  ms: number
}

/** Runs the `*.test.yaml` files of a set, case by case. The time is that of the case, else the first of January 2026. */
export async function runEnricherTests(set: EnricherSet, options: Omit<BridgeOptions, 'now'> = {}): Promise<EnricherTestResult[]> {
  let now = standardNow
  const runner = await createEnricherRunner({ ...options, now: () => now })
  try {
    const results: EnricherTestResult[] = []
    for (const file of set.files.filter((one) => one.path.endsWith('.test.yaml'))) {
      const read = readTestFile(set, file.path, file.content)
      if (!('test' in read)) results.push(...read.problems.map((problem) => resultOfProblem(problem)))
      else
        for (const [index, testCase] of read.test.cases.entries()) {
          now = testCase.now === undefined ? standardNow : Date.parse(testCase.now)
          const { line } = read.document.placeOf(['cases', index])
          results.push({ ...(await runCase(runner, set, read.enricher, file.path, testCase)), line })
        }
    }
    return results
  } finally {
    await runner.close()
  }
}

const standardNow = Date.parse('2026-01-01T00:00:00Z')

function resultOfProblem({ file, line, message }: EnricherProblem): EnricherTestResult {
  return { enricher: '', file, line: line ?? 1, name: 'the file is read', ok: false, messages: [message], prints: [], ms: 0 }
}

function readTestFile(
  set: EnricherSet,
  file: string,
  content: string,
): { test: EnricherTestFile; enricher: Enricher; document: YamlDocument } | { problems: EnricherProblem[] } {
  const problems: EnricherProblem[] = []
  const document = readDocument(file, content, problems)
  const test = document && checkDocument(EnricherTestFile, { file, document, value: document.value, path: [] }, problems)
  if (!document || !test) return { problems }
  const folder = posix.dirname(file).replace(/^\.$/, '')
  const candidates = set.enrichers.filter((one) => (test.enricher ? one.name === test.enricher : one.folder === folder))
  const [enricher] = candidates
  if (enricher && candidates.length === 1) return { test, enricher, document }
  const message = test.enricher
    ? `No enricher is called ${test.enricher}.`
    : `${candidates.length === 0 ? 'No enricher has' : 'Several enrichers have'} the folder of this file: say which it tests with enricher: NAME.`
  return { problems: [{ file, line: 1, message }] }
}

async function runCase(
  runner: EnricherRunner,
  set: EnricherSet,
  enricher: Enricher,
  file: string,
  testCase: TestCase,
): Promise<Omit<EnricherTestResult, 'line'>> {
  const result = { enricher: enricher.name, file, name: testCase.name }
  const failed = (message: string) => ({ ...result, ok: false, messages: [message], prints: [], ms: 0 })
  const payload = payloadOf(set, file, testCase)
  if (typeof payload === 'string') return failed(payload)
  const withMeta = overMeta(enricher, testCase.meta ?? {})
  if (typeof withMeta === 'string') return failed(withMeta)
  const [outcome] = await runner.run({ ...set, enrichers: [withMeta] }, JSON.stringify(payload))
  if (!outcome) return failed('The enricher did not run.')
  const messages = [
    ...judge(testCase, outcome),
    ...(testCase.prints ? differencesOf(testCase.prints, outcome.prints).map((line) => `prints${line}`) : []),
  ]
  return { ...result, ok: messages.length === 0, messages, prints: outcome.prints, ms: outcome.ms }
}

function judge(testCase: TestCase, outcome: EnricherOutcome): string[] {
  const wanted = testCase.expectError
  if (outcome.ok)
    return wanted
      ? [`expected an error of kind ${wanted.kind}, the result is ${JSON.stringify(outcome.data)}`]
      : differencesOf(testCase.expect, outcome.data)
  const { kind, message, line } = outcome.error
  const where = `${outcome.error.script}${line === undefined ? '' : `:${line}`}`
  if (!wanted) return [`${where}: ${kind}: ${message}`]
  const isRight =
    wanted.kind === kind &&
    (wanted.line === undefined || wanted.line === line) &&
    (wanted.message === undefined || message.includes(wanted.message))
  return isRight ? [] : [`expected the error ${JSON.stringify(wanted)}, is ${where}: ${kind}: ${message}`]
}

function payloadOf(set: EnricherSet, file: string, testCase: TestCase): Record<string, unknown> | string {
  const base = baseOf(set, file, testCase.sample)
  return typeof base === 'string' ? base : overlay(base, testCase.payload ?? {})
}

function baseOf(set: EnricherSet, file: string, sample: string | undefined): Record<string, unknown> | string {
  if (sample === undefined) return samplePayload()
  if (sample === 'none') return {}
  const path = posix.normalize(posix.join(posix.dirname(file), sample))
  const content = set.files.find((one) => one.path === path)?.content
  if (content === undefined) return `sample: there is no file ${path}.`
  const problems: EnricherProblem[] = []
  const value = readDocument(path, content, problems)?.value
  if (problems[0]) return `sample: ${path}:${problems[0].line ?? 1}: ${problems[0].message}`
  const plain = value instanceof Map ? (plainOf(value) as Record<string, unknown>) : undefined
  if (!plain) return `sample: ${path} holds no map.`
  // What the command line and the API show may be saved whole: {payload: ..., meta: ...}.
  return isMap(plain['payload']) ? plain['payload'] : plain
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Maps go into maps; anything else is replaced. */
function overlay(base: Record<string, unknown>, top: Record<string, unknown>): Record<string, unknown> {
  const result = { ...base }
  for (const [key, value] of Object.entries(top)) {
    const below = result[key]
    result[key] = isMap(below) && isMap(value) ? overlay(below, value) : value
  }
  return result
}

function overMeta(enricher: Enricher, meta: Record<string, unknown>): Enricher | string {
  const refs = enricher.steps.flatMap((step) => (step.kind === 'meta' ? [step.ref] : []))
  const unknown = Object.keys(meta).find((ref) => !refs.includes(ref))
  if (unknown !== undefined)
    return `meta: no file step has the ref ${unknown}; there ${refs.length === 0 ? 'is none' : `are ${refs.join(', ')}`}.`
  const steps = enricher.steps.map((step) => {
    const value = step.kind === 'meta' ? meta[step.ref] : undefined
    return step.kind === 'meta' && isMap(value) ? { ...step, value: yamlOf(value) as YamlMap } : step
  })
  return { ...enricher, steps }
}

function yamlOf(value: unknown): YamlValue {
  if (Array.isArray(value)) return value.map(yamlOf)
  if (isMap(value)) return new Map(Object.entries(value).map(([key, entry]) => [key, yamlOf(entry)]))
  if (typeof value === 'number') return Number.isSafeInteger(value) ? new YamlInteger(String(value)) : new YamlFloat(value)
  return value as null | boolean | string
}
