import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { samplePayload } from '../library/sample-payload.js'
import { createEnricherRunner } from '../run/enricher-runner.js'
import { runEnricherTests } from '../testing/enricher-tests.js'
import { readEnricherFiles } from './read-files.js'

const page = readFileSync(join(import.meta.dirname, '../../../../docs/enricher-format.md'), 'utf8')

/** Blocks of the page that name a file after their language. */
const files = [...page.matchAll(/^```\S+ (\S+)\n(.*?)^```$/gms)].map((match) => ({ path: match[1] ?? '', content: match[2] ?? '' }))

async function setOfPage() {
  const read = await readEnricherFiles(files)
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  expect(read.warnings).toEqual([])
  return read.set
}

describe('the page on the format', () => {
  it('shows a set that is right', async () => {
    expect((await setOfPage()).enrichers).toMatchObject([{ name: 'owner' }, { name: 'risk', after: ['owner'] }])
  })

  it('shows tests that pass', async () => {
    const results = await runEnricherTests(await setOfPage(), { timeoutMs: 60_000 })
    expect(results.map(({ name, messages }) => ({ name, messages }))).toEqual([
      { name: 'nobody is told when nobody is known', messages: [] },
      { name: 'the owner is told of the worst', messages: [] },
      { name: 'a finding without a risk is a mistake', messages: [] },
    ])
  })

  it('shows enrichers of which one reads the context of the other', async () => {
    const runner = await createEnricherRunner({ workers: 1, timeoutMs: 60_000 })
    const outcomes = await runner.run(await setOfPage(), JSON.stringify(samplePayload()))
    await runner.close()
    expect(outcomes).toMatchObject([{ data: { owner: 'shop@example.org' } }, { data: { worst: 80.3, tell: 'shop@example.org' } }])
  })
})
