import { EnricherPayload } from '@pharos/contracts'
import { describe, expect, it } from 'vitest'
import { readEnricherFiles } from '../format/read-files.js'
import { runEnricherTests } from '../testing/enricher-tests.js'
import { libraryEnrichers, librarySet, newEnricher, newEnricherEngines } from './library.js'
import { samplePayload } from './sample-payload.js'

const names = libraryEnrichers().map((one) => one.name)

async function setOf(files: Parameters<typeof readEnricherFiles>[0]) {
  const read = await readEnricherFiles(files)
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  return read.set
}

describe('the library', () => {
  it('has its enrichers, each with a sentence about it', () => {
    expect(names).toEqual([
      'base-image',
      'distro-support',
      'exceptions',
      'exploitability',
      'exposure',
      'image-age',
      'owner',
      'runtime-support',
      'update-available',
    ])
    for (const one of libraryEnrichers()) expect(one.description).toMatch(/^[A-Z].{20,}\.$/)
  })

  it('is read as one set, in the order that is asked for', async () => {
    const set = await setOf(librarySet(['image-age', 'owner']))
    expect(set.enrichers.map((one) => one.name)).toEqual(['image-age', 'owner'])
  })

  it('refuses what it does not have', () => {
    expect(() => librarySet(['ownr'])).toThrow('The library has no enricher ownr; it has base-image, distro-support')
  })

  it('uses every engine', async () => {
    const set = await setOf(librarySet(names))
    expect(new Set(set.enrichers.flatMap((one) => one.stepNames))).toEqual(new Set(['file', 'hbs', 'starlark', 'yaegi']))
  })
})

describe('the tests of the library', () => {
  it('pass', async () => {
    const results = await runEnricherTests(await setOf(librarySet(names)), { timeoutMs: 60_000 })
    expect(results.filter((one) => !one.ok).map(({ enricher, name, messages }) => ({ enricher, name, messages }))).toEqual([])
    // Every enricher has some.
    expect(new Set(results.map((one) => one.enricher))).toEqual(new Set(names))
  }, 240_000)

  it.each(newEnricherEngines)(
    'of a new enricher for %s pass as they come',
    async (engine) => {
      const set = await setOf(newEnricher('tooling', engine))
      const results = await runEnricherTests(set, { timeoutMs: 60_000 })
      expect(results.map(({ ok, messages }) => ({ ok, messages }))).toEqual(Array(3).fill({ ok: true, messages: [] }))
    },
    240_000,
  )
})

describe('the sample payload', () => {
  it('is one as images have it', () => {
    expect(EnricherPayload.safeParse(samplePayload())).toMatchObject({ success: true })
    expect(samplePayload().Image.Findings).toEqual(samplePayload().Findings)
  })

  it('is a new one each time', () => {
    samplePayload().Findings.length = 0
    expect(samplePayload().Findings).toHaveLength(5)
  })
})
