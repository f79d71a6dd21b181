import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, it } from 'vitest'
import { filterFieldNames, filterResources, parseFilter, printFilter } from '../../packages/contracts/src/index.ts'

// The filters on the page of queries are examples that people copy: each is parsed, in the list that its block names.
const text = readFileSync(resolve(import.meta.dirname, '../../docs/query.md'), 'utf8')
const examples = [...text.matchAll(/^```filter (\w+)\n([\s\S]*?)^```$/gm)].flatMap(([, resource, lines]) =>
  lines
    .trim()
    .split('\n')
    .map((line) => [resource, line]),
)

it('the page has examples of every list', () => {
  expect(new Set(examples.map(([resource]) => resource))).toEqual(new Set(filterResources))
  expect(examples.length).toBeGreaterThan(20)
})

it.each(examples)('of %s: %s', (resource, filter) => {
  const parsed = parseFilter(filter, resource)
  expect(parsed).toHaveProperty('ast')
  expect(parseFilter(printFilter(parsed.ast), resource)).toEqual(parsed)
})

it('each field that the page names in code is one', () => {
  const known = new Set(filterResources.flatMap(filterFieldNames))
  const named = [...text.matchAll(/`(package\.[a-z]+)`/g)].map(([, name]) => name)
  expect(named.filter((name) => !known.has(name))).toEqual([])
})
