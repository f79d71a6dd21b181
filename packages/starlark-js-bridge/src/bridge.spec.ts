import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { JsonText, type Bridge, type JsonValue } from './bridge-contract.js'
import { BridgeBusyError, BridgeClosedError, describeScriptError } from './bridge-error.js'
import { createBridge } from './bridge.js'
import { limitsOf } from './bridge-limits.js'
import { limitMemory } from './wasm-memory.js'
import { hasEngines } from './__tests__/native-engines.js'

const loop = {
  engine: 'yaegi',
  name: 'loop.go',
  source: 'func enrich(in map[string]interface{}) map[string]interface{} {\n\tfor {\n\t}\n}\n',
  input: {},
} as const
const quick = (body: string, input: JsonValue | JsonText = {}) =>
  ({ engine: 'starlark', name: 'quick.star', source: `def enrich(input):\n    ${body}\n`, input }) as const

describe('options', () => {
  it.each([{ workers: 0 }, { timeoutMs: 1.5 }, { memoryMb: 20 }, { memoryMb: 4_096 }, { steps: 0 }, { maxDepth: 100_000 }, { seed: -1 }])(
    '%j is out of range',
    (options) => {
      expect(() => limitsOf(options)).toThrow(RangeError)
    },
  )

  it('refuse a module without a memory', () => {
    expect(() => limitMemory(Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]), 64)).toThrow('no memory')
  })

  it('give the memory of a module a maximum', () => {
    const head = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
    expect([...limitMemory(Uint8Array.from([...head, 5, 3, 1, 0, 2, 0, 1, 0]), 64)]).toEqual([...head, 5, 5, 1, 1, 2, 0x80, 8, 0, 1, 0])
    expect(() => limitMemory(Uint8Array.from([...head, 5, 5, 1, 0, 0x80, 0x80, 1]), 64)).toThrow('at least 1024 MB')
  })
})

describe.skipIf(!hasEngines)('the bridge', () => {
  let bridge: Bridge
  beforeAll(async () => {
    bridge = await createBridge({ workers: 2, timeoutMs: 60_000, now: Date.UTC(2026, 4, 4), seed: 7 })
  })
  afterAll(async () => bridge?.close())

  it('takes values and texts, and keeps whole numbers exact in the text of the output', async () => {
    expect(await bridge.run(quick('return {"n": input.n + 1}', { n: 41 }))).toMatchObject({ ok: true, output: { n: 42 } })
    expect(
      await bridge.run(quick('return {"n": input.n}', new JsonText(new TextEncoder().encode('{"n":9007199254740993}')))),
    ).toMatchObject({
      ok: true,
      outputText: '{"n":9007199254740993}',
    })
  })

  it('keeps the order of keys, null, unicode, and a byte order mark', async () => {
    const source = 'return {"z": input.none, "a": input.text, "10": 1, "2": 2}'
    expect(await bridge.run(quick(source, { none: null, text: '\uFEFFü🙂\u2028\u0000' }))).toMatchObject({
      outputText: '{"z":null,"a":"\uFEFFü🙂\u2028\\u0000","10":1,"2":2}',
    })
  })

  it.each([
    ['no JSON value', (() => 1) as unknown as JsonValue],
    ['a list', [1]],
    ['a text', 'x'],
    ['broken text', new JsonText('{"a":')],
    ['bytes that are no text', new JsonText(Uint8Array.from([0x22, 0xff, 0x22]))],
    ['a number that is none', new JsonText('{"a":NaN}')],
    ['too deep', new JsonText(`${'{"a":'.repeat(300)}1${'}'.repeat(300)}`)],
  ])('refuses an input that is %s', async (_name, input) => {
    expect(await bridge.run(quick('return {}', input))).toMatchObject({
      ok: false,
      error: { kind: 'input', engine: 'starlark', script: 'quick.star' },
    })
  })

  it('refuses an input that contains itself', async () => {
    const input: { self?: JsonValue } = {}
    input.self = input as JsonValue
    expect(await bridge.run(quick('return {}', input as JsonValue))).toMatchObject({ ok: false, error: { kind: 'input' } })
  })

  it('gives scripts the time that it was given, and sleeps that take none', async () => {
    const source =
      'import "time"\nfunc enrich(in map[string]interface{}) map[string]interface{} {\n\tbefore := time.Now()\n\ttime.Sleep(time.Hour)\n\treturn map[string]interface{}{"at": before.UTC().Format(time.RFC3339Nano), "slept": time.Now().Sub(before).Round(time.Second).String()}\n}\n'
    expect(await bridge.run({ engine: 'yaegi', name: 't.go', source, input: {} })).toMatchObject({
      output: { at: '2026-05-04T00:00:00Z', slept: '1h0m0s' },
    })
    const text = await bridge.run({ engine: 'template', name: 't.hbs', source: 'at: {{ now | date "2006-01-02" }}', input: {} })
    expect(text).toMatchObject({ output: { at: '2026-05-04T00:00:00Z' } })
  })

  it('gives the same output for the same input, also where a program looks at its map in no order', async () => {
    const source =
      'import ("fmt"; "math/rand")\nfunc enrich(in map[string]interface{}) map[string]interface{} {\n\tout := ""\n\tfor k := range in {\n\t\tout += k\n\t}\n\treturn map[string]interface{}{"order": out, "rand": fmt.Sprint(rand.Int63())}\n}\n'
    const input = Object.fromEntries([...'abcdefghijkl'].map((name) => [name, 1]))
    const results = await Promise.all(Array.from({ length: 6 }, () => bridge.run({ engine: 'yaegi', name: 'm.go', source, input })))
    const texts = results.map((result) => result.ok && result.outputText)
    expect(new Set(texts).size).toBe(1)
    const other = await createBridge({ workers: 1, timeoutMs: 60_000, seed: 8 })
    try {
      const result = await other.run({ engine: 'yaegi', name: 'm.go', source, input })
      expect(result.ok && result.outputText).not.toBe(texts[0])
    } finally {
      await other.close()
    }
  })

  it('ends a run by its signal, in the queue and in a worker', async () => {
    const single = await createBridge({ workers: 1, timeoutMs: 60_000 })
    try {
      const running = new AbortController()
      const waiting = new AbortController()
      const first = single.run({ ...loop, signal: running.signal })
      const second = single.run({ ...loop, signal: waiting.signal })
      const outcomes = Promise.allSettled([first, second])
      waiting.abort(new Error('not needed'))
      running.abort(new Error('enough'))
      expect(await outcomes).toMatchObject([{ reason: { message: 'enough' } }, { reason: { message: 'not needed' } }])
      await expect(single.run({ ...loop, signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before')
      expect(await single.run(quick('return {"n": 1}'))).toMatchObject({ ok: true })
    } finally {
      await single.close()
    }
  })

  it('refuses more than its queue holds, and everything once it is closed', async () => {
    const small = await createBridge({ workers: 1, timeoutMs: 60_000, queueLimit: 1, warmUp: false })
    const first = small.run(loop)
    const second = small.run(loop)
    const outcomes = Promise.allSettled([first, second])
    await expect(small.run(loop)).rejects.toThrow(BridgeBusyError)
    expect(small.stats()).toMatchObject({ queueLength: 1, workers: { total: 1, busy: 1 } })
    await small.close()
    for (const outcome of await outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'bridge-closed' } })
    await expect(small.run(loop)).rejects.toThrow(BridgeClosedError)
    await expect(small.validate(loop)).rejects.toThrow(BridgeClosedError)
  })

  it('counts what it did', async () => {
    const counting = await createBridge({ workers: 1, timeoutMs: 2_000 })
    try {
      await counting.run(quick('return {}'))
      await counting.run(quick('return 1'))
      await counting.run(loop)
      await counting.renderText({ templates: [{ name: 'r', source: 'x' }], root: 'r', data: {}, functions: 'sprig' })
      expect(counting.stats()).toMatchObject({
        runs: { starlark: { succeeded: 1, failed: 1 }, template: { succeeded: 0 }, yaegi: { failed: 1 }, text: { succeeded: 1 } },
        failures: { output: 1, timeout: 1 },
        workers: { total: 1, replaced: 1 },
      })
    } finally {
      await counting.close()
    }
  })

  it('lets a process end by itself, after a run and after close', () => {
    const entry = fileURLToPath(new URL('../dist/index.js', import.meta.url))
    const program = (rest: string) =>
      `const { createBridge } = await import(${JSON.stringify(entry)}); const b = await createBridge({ workers: 2 }); ${rest}`
    const run = (rest: string) =>
      execFileSync(process.execPath, ['--input-type=module', '-e', program(rest)], { encoding: 'utf8', timeout: 120_000 })
    expect(run(`console.log(JSON.stringify((await b.run(${JSON.stringify(quick('return {"n": 1}'))})).output))`)).toBe('{"n":1}\n')
    expect(run('await b.close(); console.log("closed")')).toBe('closed\n')
  })

  it('prints an error in one line', () => {
    const error = { kind: 'runtime', engine: 'starlark', script: 'a.star', message: 'no owner', line: 3, column: 7 } as const
    expect(describeScriptError(error)).toBe('a.star:3:7: runtime: no owner')
  })
})
