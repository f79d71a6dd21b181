import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Bridge, RunResult } from './bridge-contract.js'
import { createBridge } from './bridge.js'
import { attacks, type Attack } from './__tests__/attacks.js'
import { hasEngines } from './__tests__/native-engines.js'

/** Threads and memory of this process, where the system tells. */
function usage(): { threads: number; residentMb: number } | undefined {
  if (process.platform !== 'linux') return undefined
  const status = readFileSync('/proc/self/status', 'utf8')
  return {
    threads: Number(/^Threads:\s+(\d+)/m.exec(status)?.[1]),
    residentMb: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024,
  }
}

const healthy = {
  engine: 'starlark',
  name: 'fine.star',
  source: 'def enrich(input):\n    return {"n": input.n}\n',
  input: { n: 1 },
} as const
const endOf = (result: RunResult): string => (result.ok ? 'ok' : result.error.kind)

describe.skipIf(!hasEngines)('hostile scripts', () => {
  let patient: Bridge
  let hasty: Bridge
  let before: ReturnType<typeof usage>
  let count = 0

  const attack = async ({ step, never }: Attack): Promise<RunResult> => {
    count++
    return (never === true ? hasty : patient).run({ ...step, input: { payload: {} } })
  }
  const settle = async (): Promise<void> => {
    for (const bridge of [patient, hasty]) {
      expect(await bridge.run(healthy)).toMatchObject({ ok: true })
      await vi.waitFor(() => expect(bridge.stats().workers.idle).toBe(1), { timeout: 60_000 })
    }
  }

  beforeAll(async () => {
    const limits = { workers: 1, memoryMb: 80, steps: 300_000, maxOutputBytes: 256 * 1024 }
    patient = await createBridge({ ...limits, timeoutMs: 120_000 })
    hasty = await createBridge({ ...limits, timeoutMs: 3_000 })
    await settle()
    before = usage()
  }, 120_000)
  afterAll(async () => {
    await patient?.close()
    await hasty?.close()
  })

  it.each(attacks.map((each) => [each.name, each] as const))(
    '%s',
    async (_name, each) => {
      const result = await attack(each)
      expect({ ends: endOf(result), error: result.ok ? undefined : result.error }).toMatchObject({ ends: each.ends })
      if (result.ok) return
      const message = expect.stringMatching(/./) as string
      expect(result.error).toMatchObject({ engine: each.step.engine, script: each.step.name, message })
    },
    180_000,
  )

  it('survives running out of memory ten times, which is where node:wasi ends the process', async () => {
    const bomb = attacks.find(({ name }) => name === 'yaegi: make') as Attack
    for (let i = 0; i < 10; i++) expect(endOf(await attack(bomb))).toBe('memory')
  }, 300_000)

  it('leave neither memory nor threads behind, after 100 in a row, and the next script runs', async () => {
    for (let i = 0; count < 100; i++) {
      const each = attacks[i] as Attack
      expect([each.name, endOf(await attack(each))]).toEqual([each.name, each.ends])
    }
    await settle()
    if (before === undefined) return
    // A thread that ended, and its memory, are given back a moment later.
    await expect.poll(() => usage()?.threads, { timeout: 60_000 }).toBeLessThanOrEqual(before.threads)
    await expect.poll(() => usage()?.residentMb, { timeout: 60_000 }).toBeLessThan(before.residentMb + 150)
  }, 900_000)
})
