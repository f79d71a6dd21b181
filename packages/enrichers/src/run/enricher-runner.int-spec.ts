import type { EnricherOutcome } from '@pharos/contracts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readEnricherFiles } from '../format/read-files.js'
import { samplePayload } from '../library/sample-payload.js'
import { createEnricherRunner, type EnricherRunner } from './enricher-runner.js'

let runner: EnricherRunner
beforeAll(async () => {
  runner = await createEnricherRunner({ workers: 2, timeoutMs: 20_000, steps: 1_000_000, now: Date.parse('2026-11-24T08:00:00Z') })
})
afterAll(async () => runner.close())

/** A set of enrichers by name, each one script, or steps and files of its own. */
type Scripts = Record<string, string | Record<string, string>>

async function setOf(scripts: Scripts, list = '') {
  const files = Object.entries(scripts).flatMap(([name, script]) =>
    typeof script === 'string'
      ? [
          { path: `${name}/enricher.yaml`, content: `enricher: [{name: starlark, config: s.star}]` },
          { path: `${name}/s.star`, content: script },
        ]
      : Object.entries(script).map(([path, content]) => ({ path: `${name}/${path}`, content })),
  )
  const sources = Object.keys(scripts)
    .map((name) => `  - name: ${name}\n`)
    .join('')
  const read = await readEnricherFiles([{ path: 'enrichers.yaml', content: list || `sources:\n${sources}` }, ...files])
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  return read.set
}

const payload = JSON.stringify(samplePayload())
const run = async (scripts: Scripts, list?: string): Promise<EnricherOutcome[]> => runner.run(await setOf(scripts, list), payload)
const returns = (value: string) => `def enrich(input):\n    return ${value}\n`

describe('a set', () => {
  it('gives one outcome an enricher, in its order', async () => {
    const outcomes = await run({ b: returns('{"b": 1}'), a: returns('{"a": input.payload.Image.DistroName}') })
    expect(outcomes).toMatchObject([
      { enricher: 'b', ok: true, data: { b: 1 } },
      { enricher: 'a', ok: true, data: { a: 'debian' } },
    ])
  })

  it('goes on when one fails, whose error names script and line', async () => {
    const outcomes = await run({
      fails: 'def enrich(input):\n    x = 1\n    return input.payload.Nothing\n',
      loops: 'def enrich(input):\n    for i in range(1000000000):\n        pass\n    return {}\n',
      works: returns('{"a": 1}'),
      broken: 'def enrich(input)\n    return {}\n',
    })
    expect(outcomes).toMatchObject([
      { ok: false, error: { kind: 'runtime', engine: 'starlark', script: 'fails/s.star', line: 3 } },
      { ok: false, error: { kind: 'steps', script: 'loops/s.star' } },
      { ok: true, data: { a: 1 } },
      { ok: false, error: { kind: 'syntax', script: 'broken/s.star', line: expect.any(Number) } },
    ])
  })

  it.each([
    ['a list', '[1]', 'output'],
    ['nothing', 'None', 'output'],
    ['a text', '"x"', 'output'],
    ['a number', '3', 'output'],
  ])('fails an enricher whose result is %s', async (_sentence, value, kind) => {
    expect(await run({ it: returns(value) })).toMatchObject([
      { ok: false, error: { kind, script: 'it/s.star', message: expect.stringMatching(/map|dict/) } },
    ])
  })

  it('lets a template say nothing of an image', async () => {
    const template = { 'enricher.yaml': 'enricher: [{name: hbs, config: t.hbs}]', 't.hbs': '{{ if false }}a: 1{{ end }}' }
    expect(await run({ it: template })).toMatchObject([{ ok: true, data: {} }])
  })

  it('is compiled by validate, which tells every mistake and runs nothing', async () => {
    const problems = await runner.validate(
      await setOf({
        works: 'print("never")\ndef enrich(input):\n    return {}\n',
        undefined: 'def enrich(input):\n    return nobody\n',
        missing: 'def enrch(input):\n    return {}\n',
        template: { 'enricher.yaml': 'enricher: [{name: hbs, config: t.hbs}]', 't.hbs': 'a: 1\nb: {{ nofunction }}\n' },
        program: {
          'enricher.yaml': 'enricher: [{name: yaegi, config: p.go}]',
          'p.go': 'package main\nimport "os/exec"\nfunc enrich(m map[string]any) map[string]any { return nil }\n',
        },
      }),
    )
    expect(problems).toMatchObject([
      { file: 'undefined/s.star', line: 2, message: expect.stringContaining('nobody') },
      { file: 'missing/s.star', message: expect.stringContaining('enrich') },
      { file: 'template/t.hbs', line: 2, message: expect.stringContaining('nofunction') },
      { file: 'program/p.go', line: 2, message: expect.stringContaining('os/exec') },
    ])
  })
})

describe('steps', () => {
  const steps = (list: string, files: Record<string, string>) => ({ it: { 'enricher.yaml': `enricher: [${list}]`, ...files } })

  it('get the output of the step before', async () => {
    const chain = steps('{name: hbs, config: a.hbs}, {name: starlark, config: b.star}', {
      'a.hbs': 'n: 2',
      'b.star': returns('{"n": input.n + 1}'),
    })
    expect(await run(chain)).toMatchObject([{ ok: true, data: { n: 3 } }])
  })

  it('get several files as meta', async () => {
    const chain = steps('{name: file, config: a.yaml}, {name: file, config: b.yaml, ref: other}, {name: starlark, config: c.star}', {
      'a.yaml': 'x: 1',
      'b.yaml': 'y: 2.0',
      'c.star': returns('{"x": input.meta.a.x, "y": input.meta.other.y, "types": [type(input.meta.a.x), type(input.meta.other.y)]}'),
    })
    expect(await run(chain)).toMatchObject([{ data: { x: 1, y: 2, types: ['int', 'float'] } }])
  })

  it('get a file behind a script, with the payload that the script gave', async () => {
    const chain = steps('{name: starlark, config: a.star}, {name: file, config: m.yaml}, {name: starlark, config: b.star}', {
      'a.star': returns('{"payload": {"n": 1}, "gone": True}'),
      'm.yaml': 'k: v',
      'b.star': returns('{"n": input.payload.n, "k": input.meta.m.k, "gone": hasattr(input, "gone")}'),
    })
    expect(await run(chain)).toMatchObject([{ ok: true, data: { n: 1, k: 'v', gone: false } }])
  })

  it('show in the prints what debug sees, and what scripts print, in order', async () => {
    const chain = steps(
      '{name: starlark, config: a.star}, {name: debug, config: middle}, {name: starlark, config: b.star}, {name: debug, config: end}',
      {
        'a.star': 'def enrich(input):\n    print("first")\n    return {"n": 1}\n',
        'b.star': 'def enrich(input):\n    print("second")\n    return {"n": input.n + 1}\n',
      },
    )
    expect(await run(chain)).toMatchObject([{ data: { n: 2 }, prints: ['first', 'Debug middle: {"n":1}', 'second', 'Debug end: {"n":2}'] }])
  })

  it('have moments of YAML as upstream prints them in templates, and as text elsewhere', async () => {
    const files = { 'm.yaml': 'day: 2027-05-01', 't.hbs': 'day: {{ .meta.m.day }}', 's.star': returns('{"day": input.meta.m.day}') }
    expect(await run(steps('{name: file, config: m.yaml}, {name: hbs, config: t.hbs}', files))).toMatchObject([
      { data: { day: '2027-05-01 00:00:00 +0000 UTC' } },
    ])
    expect(await run(steps('{name: file, config: m.yaml}, {name: starlark, config: s.star}', files))).toMatchObject([
      { data: { day: '2027-05-01T00:00:00Z' } },
    ])
  })
})

describe('contexts of enrichers before', () => {
  const reads = `def enrich(input):
    owners = [c.Owner for c in input.payload.Image.ContextRoots[0].Contexts]
    for c in input.payload.Image.ContextRoots[0].Contexts:
        if c.Owner == "owner":
            return {"team": c.Data.team, "owners": owners}
    return {"owners": owners}
`

  it('are there for an enricher that names them', async () => {
    const outcomes = await run({ owner: returns('{"team": "shop"}'), other: returns('{}'), reader: reads })
    expect(outcomes[2]).toMatchObject({ ok: true, data: { team: 'shop', owners: ['pharos-controller', 'owner', 'other'] } })
  })

  it('are not there of an enricher that failed', async () => {
    const outcomes = await run({ owner: returns('fail("x")'), reader: reads })
    expect(outcomes[1]).toMatchObject({ ok: true, data: { owners: ['pharos-controller'] } })
  })

  it('are not there for others', async () => {
    const looks = returns('{"n": len(input.payload.Image.ContextRoots[0].Contexts)}')
    expect(await run({ owner: returns('{"team": "shop"}'), other: looks })).toMatchObject([{}, { data: { n: 1 } }])
  })

  it('are not waited for when the enricher runs apart from them', async () => {
    const set = await setOf({ owner: returns('{"team": "shop"}'), reader: reads })
    const apart = { ...set, enrichers: set.enrichers.slice(1) }
    expect(await runner.run(apart, payload)).toMatchObject([{ enricher: 'reader', data: { owners: ['pharos-controller'] } }])
  })

  it('go through several hands', async () => {
    const next = (of: string) =>
      returns(`{"n": [c.Data.n for c in input.payload.Image.ContextRoots[0].Contexts if c.Owner == "${of}"][0] + 1}`)
    expect(await run({ one: returns('{"n": 1}'), two: next('one'), three: next('two') })).toMatchObject([
      {},
      { data: { n: 2 } },
      { data: { n: 3 } },
    ])
  })
})

describe('enrichers beside each other', () => {
  it('do not see what another did to the payload or to a package', async () => {
    const go = (body: string) => ({
      'enricher.yaml': 'enricher: [{name: yaegi, config: p.go}]',
      'p.go': `package main\nimport "net/http"\nfunc enrich(m map[string]interface{}) map[string]interface{} {\n${body}\n}\n`,
    })
    const image = 'm["payload"].(map[string]interface{})["Image"].(map[string]interface{})'
    const outcomes = await run({
      poisons: go(`${image}["DistroName"] = "poison"\nhttp.DefaultClient = nil\nreturn map[string]interface{}{}`),
      mutates: 'def enrich(input):\n    input.payload.Findings.clear()\n    return {"n": len(input.payload.Findings)}\n',
      after: go(`return map[string]interface{}{"distro": ${image}["DistroName"], "client": http.DefaultClient != nil}`),
      counts: returns('{"n": len(input.payload.Findings), "distro": input.payload.Image.DistroName}'),
    })
    expect(outcomes).toMatchObject([
      { ok: true },
      { ok: true, data: { n: 0 } },
      { data: { distro: 'debian', client: true } },
      { data: { n: 5, distro: 'debian' } },
    ])
  })
})

describe('a call', () => {
  it('ends with the signal', async () => {
    const set = await setOf({ loops: 'def enrich(input):\n    for i in range(1000000000):\n        pass\n    return {}\n' })
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(runner.run(set, payload, signal)).rejects.toThrow('enough')
  })
})
