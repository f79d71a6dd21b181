import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { JsonText, type Bridge } from './bridge-contract.js'
import { createBridge } from './bridge.js'
import { hasNative, NativeEngines } from './__tests__/native-engines.js'
import { goCases, goFailures, goInput } from './__tests__/yaegi-cases.js'

describe.skipIf(!hasNative)('Yaegi', () => {
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

  it.each(goCases)('$rule', async ({ rule, source, json }) => {
    const step = { engine: 'yaegi' as const, name: 'case.go', source }
    expect(await bridge.run({ ...step, input: new JsonText(goInput) })).toMatchObject({ ok: true, outputText: json })
    // A native program would wait for its timers.
    if (!rule.includes('timers')) expect(await native.run(step, goInput)).toMatchObject({ output: json })
  })

  it.each(goFailures)('refuses: %s', async (_rule, source, kind, line, message) => {
    const step = { engine: 'yaegi' as const, name: 'case.go', source }
    const result = await bridge.run({ ...step, input: new JsonText(goInput) })
    expect(result).toMatchObject({
      ok: false,
      error: { kind, engine: 'yaegi', script: 'case.go', message: expect.stringContaining(message) as string },
    })
    if (line !== undefined) expect(result).toMatchObject({ error: { line } })
    const { error } = await native.run(step, goInput)
    expect(result).toMatchObject({ error: { ...error } })
  })

  it('takes what is printed, by fmt, log and println', async () => {
    const source = `package main
import ("fmt"; "log")
func enrich(in map[string]interface{}) map[string]interface{} {
	fmt.Println("one", 1)
	log.Printf("two %d", 2)
	println("three")
	fmt.Print("no end")
	return map[string]interface{}{}
}
`
    const result = await bridge.run({ engine: 'yaegi', name: 'p.go', source, input: {} })
    expect(result).toMatchObject({ ok: true, prints: ['one 1', 'two 2', 'three', 'no end'] })
  })

  it.each(goFailures.filter(([, , kind]) => kind === 'syntax' || kind === 'contract'))(
    'validate refuses: %s',
    async (rule, source, kind, line) => {
      const result = await bridge.validate({ engine: 'yaegi', name: 'v.go', source })
      if (rule === 'another parameter') expect(result).toEqual({ ok: true })
      else expect(result).toMatchObject({ ok: false, error: { kind, ...(line === undefined ? {} : { line }) } })
    },
  )

  it('validate runs nothing', async () => {
    const source =
      'package main\n\nvar x = f()\n\nfunc f() int { panic("ran") }\n\nfunc init() { panic("ran") }\n\nfunc enrich(in map[string]interface{}) map[string]interface{} { return in }\n'
    expect(await bridge.validate({ engine: 'yaegi', name: 'v.go', source })).toEqual({ ok: true })
  })
})
