import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Bridge, Chain } from './bridge-contract.js'
import { createBridge } from './bridge.js'
import { batchesOf } from './chain-run.js'
import { hasEngines } from './__tests__/native-engines.js'

const star = (name: string, body: string): Chain => ({
  name,
  steps: [{ engine: 'starlark', name: `${name}.star`, source: `def enrich(input):\n    ${body.replaceAll('\n', '\n    ')}\n` }],
})
const text = (name: string, source: string): Chain => ({ name, steps: [{ engine: 'template', name: `${name}.hbs`, source }] })
const go = (name: string, body: string, imports = ''): Chain => ({
  name,
  steps: [
    {
      engine: 'yaegi',
      name: `${name}.go`,
      source: `package main\n${imports}\nfunc enrich(in map[string]interface{}) map[string]interface{} {\n${body}\n}\n`,
    },
  ],
})

describe('batchesOf', () => {
  it('puts a Go program at the end of the shared batch, and every other one alone', () => {
    const chains = [go('a', ''), star('b', ''), go('c', ''), text('d', '')]
    expect(batchesOf(chains).map(({ chains: batch }) => batch.map(({ chain }) => chain.name))).toEqual([['b', 'd', 'a'], ['c']])
  })

  it('counts a chain as Go when any of its steps is', () => {
    const mixed: Chain = { name: 'm', steps: [...star('s', '').steps, ...go('g', '').steps] }
    expect(batchesOf([mixed, star('x', '')]).map(({ chains }) => chains.map(({ index }) => index))).toEqual([[1, 0]])
  })
})

describe.skipIf(!hasEngines)('runChains', () => {
  let bridge: Bridge
  beforeAll(async () => {
    bridge = await createBridge({ workers: 2, timeoutMs: 60_000, memoryMb: 96, steps: 200_000 })
  })
  afterAll(async () => bridge?.close())

  const shared = JSON.stringify({ payload: { n: 1, list: [1, 2], o: { k: 'v' } } })

  it('answers in the order of the chains', async () => {
    const chains = [
      go('g', '\treturn map[string]interface{}{"x": in["payload"].(map[string]interface{})["n"]}'),
      star('s', 'return {"x": input.payload.n + 1}'),
      text('t', 'x: {{ .payload.n }}'),
    ]
    const results = await bridge.runChains({ shared, chains })
    expect(results.map(({ name, ok }) => [name, ok])).toEqual([
      ['g', true],
      ['s', true],
      ['t', true],
    ])
    expect(results.map((result) => result.ok && result.output)).toEqual([{ x: 1 }, { x: 2 }, { x: 1 }])
  })

  it('answers nothing for no chains, and refuses a chain without steps', async () => {
    expect(await bridge.runChains({ shared, chains: [] })).toEqual([])
    await expect(bridge.runChains({ shared, chains: [{ name: 'none', steps: [] }] })).rejects.toThrow(RangeError)
  })

  it('lays what a chain owns over what all share', async () => {
    const chains: Chain[] = [
      { ...star('own', 'return {"meta": input.meta.owner, "n": input.payload.n}'), own: '{"meta":{"owner":"a"}}' },
      { ...text('other', 'meta: {{ .meta.owner }}\nn: {{ .payload.n }}'), own: '{"meta":{"owner":"b"},"payload":{"n":9}}' },
      { ...go('third', '\t_, has := in["meta"]\n\treturn map[string]interface{}{"has": has}') },
    ]
    const results = await bridge.runChains({ shared, chains })
    expect(results.map((result) => result.ok && result.output)).toEqual([{ meta: 'a', n: 1 }, { meta: 'b', n: 9 }, { has: false }])
  })

  it('hands the output of a step to the next', async () => {
    const steps = [
      ...star('first', 'return {"payload": input.payload, "note": "from star"}').steps,
      ...text('second', 'n: {{ .payload.n }}\nnote: {{ .note }}').steps,
      ...go('third', '\tin["seen"] = true\n\treturn in').steps,
    ]
    const [result] = await bridge.runChains({ shared, chains: [{ name: 'chain', steps }] })
    expect(result).toMatchObject({ ok: true, outputText: '{"n":1,"note":"from star","seen":true}' })
  })

  it('says in which step a chain failed', async () => {
    const steps = [...star('first', 'return {"a": 1}').steps, ...text('second', 'x: {{ .a.b.c }}').steps]
    const [result] = await bridge.runChains({ shared, chains: [{ name: 'chain', steps }] })
    expect(result).toMatchObject({ ok: false, name: 'chain', error: { kind: 'runtime', script: 'second.hbs', engine: 'template' } })
  })

  it('keeps what a chain does to the input from the others', async () => {
    const look =
      '\tp := in["payload"].(map[string]interface{})\n\treturn map[string]interface{}{"n": p["n"], "len": len(p["list"].([]interface{})), "extra": p["extra"]}'
    const chains = [
      star('poison', 'input.payload.list.append(3)\nreturn {"len": len(input.payload.list)}'),
      text('set', '{{ $_ := set .payload "n" 99 }}{{ $_ := set .payload "extra" 1 }}{{ $_ := unset .payload "list" }}n: {{ .payload.n }}'),
      star('star', 'return {"n": input.payload.n, "len": len(input.payload.list), "extra": hasattr(input.payload, "extra")}'),
      text('text', 'n: {{ .payload.n }}\nlen: {{ len .payload.list }}\nextra: {{ hasKey .payload "extra" }}'),
      go('go', look),
      go('other go', look),
    ]
    const results = await bridge.runChains({ shared, chains })
    expect(results.map((result) => result.ok && result.output)).toEqual([
      { len: 3 },
      { n: 99 },
      { n: 1, len: 2, extra: false },
      { n: 1, len: 2, extra: false },
      { n: 1, len: 2, extra: null },
      { n: 1, len: 2, extra: null },
    ])
  })

  it('keeps a Go program that poisons packages from those after it', async () => {
    const imports = 'import ("io"; "net/http"; "time"; "unicode")'
    const poison =
      '\tio.EOF = nil\n\thttp.DefaultClient = nil\n\ttime.UTC = nil\n\tunicode.Letter = nil\n\tgo func() { for { time.Sleep(1) } }()\n\treturn map[string]interface{}{"done": true}'
    const check =
      '\treturn map[string]interface{}{"eof": io.EOF != nil, "client": http.DefaultClient != nil, "utc": time.UTC != nil, "letter": unicode.IsLetter(\'ü\')}'
    const clean = { eof: true, client: true, utc: true, letter: true }
    const results = await bridge.runChains({
      shared,
      chains: [go('poison', poison, imports), go('check', check, imports), go('again', check, imports)],
    })
    expect(results.map((result) => (result.ok ? result.output : result.error))).toEqual([{ done: true }, clean, clean])
    for (let i = 0; i < 4; i++) {
      const [after] = await bridge.runChains({ shared, chains: [go('after', check, imports)] })
      expect(after).toMatchObject({ ok: true, output: clean })
    }
  })

  it('fails only the culprit when a shared run dies', async () => {
    const chains = [
      star('one', 'return {"x": 1}'),
      text('bomb', 'x: {{ repeat 2000000000 "y" }}'),
      star('steps', 'x = 0\nfor i in range(1000000):\n    x += i\nreturn {"x": x}'),
      star('two', 'return {"x": 2}'),
      go('deadlock', '\tselect {}\n'),
      go('fine', '\treturn map[string]interface{}{"x": 3}'),
    ]
    const results = await bridge.runChains({ shared, chains })
    expect(results.map((result) => (result.ok ? result.output : result.error.kind))).toEqual([
      { x: 1 },
      'memory',
      'steps',
      { x: 2 },
      'crash',
      { x: 3 },
    ])
    expect(results[1]).toMatchObject({ error: { script: 'bomb.hbs', engine: 'template' } })
  })

  it('gives a chain the same randomness alone and in company', async () => {
    const dice = text('dice', 'x: {{ randAlphaNum 12 }}-{{ randInt 0 1000000 }}-{{ shuffle "abcdefgh" }}')
    const [alone] = await bridge.runChains({ shared, chains: [dice] })
    const [, company] = await bridge.runChains({ shared, chains: [text('first', 'x: {{ uuidv4 }}'), dice, star('s', 'return {}')] })
    expect(alone?.ok && alone.outputText).toMatch(/^\{"x":"\w{12}-\d+-\w{8}"\}$/)
    expect(company?.ok && company.outputText).toEqual(alone?.ok && alone.outputText)
  })

  it('tells each chain that the shared input is no JSON', async () => {
    const results = await bridge.runChains({ shared: '{"a":', chains: [star('s', 'return {}'), text('t', 'x: 1')] })
    expect(results.map((result) => !result.ok && [result.error.kind, result.error.engine, result.error.script])).toEqual([
      ['input', 'starlark', 's.star'],
      ['input', 'template', 't.hbs'],
    ])
  })
})
