import { describe, expect, it } from 'vitest'
import { readEnricherFiles } from '../format/read-files.js'
import { runEnricherTests } from './enricher-tests.js'

const enricher = {
  'owner/enricher.yaml': 'enricher:\n- name: file\n  config: owners.yaml\n- name: starlark\n  config: owner.star\n',
  'owner/owners.yaml': 'team: shop\n',
  'owner/owner.star': `def enrich(input):
    print("spec " + input.payload.Image.ImageSpec)
    if input.payload.Image.ImageSpec == "bad":
        fail("no such image")
    return {"team": input.meta.owners.team, "findings": len(input.payload.Findings)}
`,
}

async function resultsOf(testFile: string, more: Record<string, string> = {}) {
  const files = { 'enrichers.yaml': 'sources: [{name: owner}]', ...enricher, 'owner/owner.test.yaml': testFile, ...more }
  const read = await readEnricherFiles(Object.entries(files).map(([path, content]) => ({ path, content })))
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  return runEnricherTests(read.set, { timeoutMs: 60_000 })
}

describe('cases of a test file', () => {
  it.each<[string, string, object]>([
    [
      'pass when the result is the expected one',
      'expect: {findings: 5, team: shop}',
      { ok: true, messages: [], enricher: 'owner', file: 'owner/owner.test.yaml', line: 2 },
    ],
    [
      'fail with each field that differs',
      'expect: {team: web, more: 1}',
      { ok: false, messages: ['team: expected "web", is "shop"', 'more: expected 1, is not there', 'findings: not expected, is 5'] },
    ],
    ['lay the payload over the sample', 'payload: {Findings: []}\n    expect: {findings: 0, team: shop}', { ok: true }],
    [
      'take a payload from a file',
      'sample: ../payloads/one.json\n    expect: {findings: 1, team: shop}',
      { ok: true, prints: ['spec one'] },
    ],
    [
      'lay the payload over that of a file',
      'sample: ../payloads/one.json\n    payload: {Image: {ImageSpec: two}}\n    expect: {findings: 1, team: shop}',
      { ok: true, prints: ['spec two'] },
    ],
    [
      'start from nothing with none',
      'sample: none\n    payload: {Image: {ImageSpec: x}, Findings: [1, 2]}\n    expect: {findings: 2, team: shop}',
      { ok: true },
    ],
    ['replace what file steps read', 'meta: {owners: {team: other}}\n    expect: {findings: 5, team: other}', { ok: true }],
    ['expect prints', 'prints: [spec docker.io/library/shop-web:1.4.2]\n    expect: {findings: 5, team: shop}', { ok: true }],
    [
      'fail when the prints are others',
      'prints: [x]\n    expect: {findings: 5, team: shop}',
      { ok: false, messages: ['prints[0]: expected "x", is "spec docker.io/library/shop-web:1.4.2"'] },
    ],
    [
      'expect an error',
      'payload: {Image: {ImageSpec: bad}}\n    expectError: {kind: runtime, line: 4, message: no such image}',
      { ok: true },
    ],
    [
      'fail when the error is another',
      'payload: {Image: {ImageSpec: bad}}\n    expectError: {kind: runtime, line: 5}',
      { ok: false, messages: [expect.stringContaining('owner/owner.star:4: runtime')] },
    ],
    [
      'fail when there is no error',
      'expectError: {kind: steps}',
      { ok: false, messages: [expect.stringContaining('expected an error of kind steps')] },
    ],
    [
      'fail when there is an error',
      'payload: {Image: {ImageSpec: bad}}\n    expect: {}',
      { ok: false, messages: [expect.stringMatching(/^owner\/owner\.star:4: runtime: /)] },
    ],
    [
      'fail when no step reads that meta',
      'meta: {other: {}}\n    expect: {}',
      { ok: false, messages: ['meta: no file step has the ref other; there are owners.'] },
    ],
    [
      'fail when the sample is not there',
      'sample: none.json\n    expect: {}',
      { ok: false, messages: ['sample: there is no file owner/none.json.'] },
    ],
  ])('%s', async (_sentence, body, expected) => {
    const results = await resultsOf(`cases:\n  - name: it\n    ${body}\n`, {
      'payloads/one.json': '{"payload": {"Image": {"ImageSpec": "one"}, "Findings": [{}]}}',
    })
    expect(results).toMatchObject([expected])
  })

  it('have the time that they ask for', async () => {
    const template = {
      'owner/enricher.yaml': 'enricher: [{name: hbs, config: t.hbs}]',
      'owner/t.hbs': 'day: {{ now | date "2006-01-02" | toJson }}',
    }
    const cases =
      "cases:\n  - {name: a, now: '2027-05-01T10:00:00Z', expect: {day: '2027-05-01'}}\n  - {name: b, expect: {day: '2026-01-01'}}\n"
    expect((await resultsOf(cases, template)).map((one) => one.messages)).toEqual([[], []])
  })
})

describe('a test file', () => {
  it.each<[string, string, string]>([
    ['without cases', 'cases: []', 'cases: there must be a case.'],
    ['with a case that expects nothing', 'cases: [{name: a}]', 'cases[0]: say either what you expect or what expectError.'],
    ['with a key that nobody knows', 'cases: [{name: a, expect: {}, expct: {}}]', 'expct'],
    ['of an enricher that is not there', 'enricher: ownr\ncases: [{name: a, expect: {}}]', 'No enricher is called ownr.'],
    ['that is no YAML', 'cases: "', 'This is no YAML'],
  ])('%s fails', async (_sentence, content, message) => {
    expect(await resultsOf(content)).toMatchObject([
      { ok: false, file: 'owner/owner.test.yaml', messages: [expect.stringContaining(message)] },
    ])
  })

  it('in a folder of no enricher fails unless it says which it tests', async () => {
    const ok = 'cases:\n  - {name: a, expect: {team: shop, findings: 5}}\n'
    const results = await resultsOf(ok, { 'tests/a.test.yaml': ok, 'tests/b.test.yaml': `enricher: owner\n${ok}` })
    expect(results.map(({ file, ok: passed }) => [file, passed])).toEqual([
      ['owner/owner.test.yaml', true],
      ['tests/a.test.yaml', false],
      ['tests/b.test.yaml', true],
    ])
  })
})
