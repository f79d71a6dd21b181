import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { JsonText, type Bridge } from './bridge-contract.js'
import { createBridge } from './bridge.js'
import { hasNative, NativeEngines } from './__tests__/native-engines.js'
import { starlarkExpressions, starlarkFailures, starlarkInput, starlarkPrograms } from './__tests__/starlark-cases.js'

const programOf = (expression: string): string => `def enrich(input):\n    return {"r": ${expression}}\n`

describe.skipIf(!hasNative)('Starlark', () => {
  let bridge: Bridge
  let native: NativeEngines

  beforeAll(async () => {
    bridge = await createBridge({ workers: 1, timeoutMs: 60_000 })
    native = new NativeEngines()
  })
  afterAll(async () => {
    native?.close()
    await bridge?.close()
  })

  const cases = [
    ...starlarkExpressions.map(([rule, expression, json]) => [rule, programOf(expression), `{"r":${json}}`] as const),
    ...starlarkPrograms,
  ]
  it.each(cases)('%s', async (_rule, source, json) => {
    const step = { engine: 'starlark' as const, name: 'case.star', source }
    const [inBridge, inProcess] = await Promise.all([
      bridge.run({ ...step, input: new JsonText(starlarkInput) }),
      native.run(step, starlarkInput),
    ])
    expect(inBridge).toMatchObject({ ok: true, outputText: json })
    expect({ output: inProcess.output, error: inProcess.error }).toEqual({ output: json, error: undefined })
    expect(inBridge).toMatchObject({ steps: inProcess.steps })
  })

  // Upstream's own functions, and json, are not part of the plain language.
  const plain = cases.filter(([, source]) => !/\b(matches|semver|json)\b/.test(source))
  it.each(plain)('%s, as the engine alone has it', async (_rule, source, json) => {
    const answer = await native.plain({ engine: 'starlark', name: 'case.star', source }, starlarkInput)
    expect(answer.error).toBeUndefined()
    expect(JSON.parse(answer.output)).toEqual(JSON.parse(json))
  })

  it.each(starlarkFailures)('refuses: %s', async (_rule, source, kind, line, message) => {
    const step = { engine: 'starlark' as const, name: 'case.star', source }
    const result = await bridge.run({ ...step, input: new JsonText(starlarkInput) })
    expect(result).toMatchObject({
      ok: false,
      error: { kind, engine: 'starlark', script: 'case.star', message: expect.stringContaining(message) as string },
    })
    if (line !== undefined) expect(result).toMatchObject({ error: { line } })
    const { error } = await native.run(step, starlarkInput)
    expect(result).toMatchObject({ error: { ...error } })
  })

  it('has the trace of a failed call', async () => {
    const source = 'def inner(x):\n    return x.nope\n\ndef enrich(input):\n    return inner(input)\n'
    const result = await bridge.run({ engine: 'starlark', name: 'trace.star', source, input: {} })
    expect(result).toMatchObject({
      ok: false,
      error: { line: 2, column: 13, trace: expect.stringContaining('trace.star:5:17: in enrich') as string },
    })
  })

  it('gives every number as a float where upstream’s numbers are asked for', async () => {
    const upstream = await createBridge({ workers: 1, numbers: 'float' })
    try {
      const source = programOf('[type(input.n), str(input.n), str(123456789 * 1.0)]')
      expect(await upstream.run({ engine: 'starlark', name: 'n.star', source, input: { n: 5 } })).toMatchObject({
        outputText: '{"r":["float","5.0","1.23456789e+08"]}',
      })
      const range = await upstream.run({ engine: 'starlark', name: 'n.star', source: programOf('range(input.n)'), input: { n: 5 } })
      expect(range).toMatchObject({
        ok: false,
        error: { kind: 'runtime', message: expect.stringContaining('got float, want int') as string },
      })
    } finally {
      await upstream.close()
    }
  })

  it('prints lines, as many as it may', async () => {
    const source = 'def enrich(input):\n    for i in range(500):\n        print("line", i)\n    return {}\n'
    const result = await bridge.run({ engine: 'starlark', name: 'p.star', source, input: {} })
    expect(result.prints).toHaveLength(100)
    expect(result.prints[99]).toBe('line 99')
  })
})

describe.skipIf(!hasNative)('validate for Starlark', () => {
  let bridge: Bridge
  beforeAll(async () => {
    bridge = await createBridge({ workers: 1 })
  })
  afterAll(async () => bridge?.close())

  const validate = (source: string) => bridge.validate({ engine: 'starlark', name: 'v.star', source })

  it('runs nothing', async () => {
    expect(await validate('X = 1 // 0\n\ndef enrich(input):\n    return {}\n')).toEqual({ ok: true })
  })

  it.each([
    ['def enrich(a, b):\n    return {}\n', { kind: 'contract', line: 1 }],
    ['def enrich():\n    return {}\n', { kind: 'contract', line: 1 }],
    ['def other(x):\n    return {}\n', { kind: 'contract' }],
    ['def enrich(x):\n    return y\n', { kind: 'syntax', line: 2, column: 12, message: 'undefined: y' }],
    ['def enrich(x)\n    return {}\n', { kind: 'syntax', line: 2 }],
  ])('refuses %j', async (source, error) => {
    expect(await validate(source)).toMatchObject({ ok: false, error: { ...error, script: 'v.star', engine: 'starlark' } })
  })

  it.each(['def enrich(x, y = 1):\n    return {}\n', 'def enrich(*args):\n    return {}\n', 'enrich = lambda x: {}\n'])(
    'takes %j',
    async (source) => {
      expect(await validate(source)).toEqual({ ok: true })
    },
  )

  it('names every undefined name', async () => {
    const result = await validate('def enrich(x):\n    return a + b\n')
    expect(result).toMatchObject({ ok: false, error: { trace: '2:12: undefined: a\n2:16: undefined: b' } })
  })
})
