import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inHome, root } from './places.mjs'
import { readVitest } from './tally.mjs'

/** Files of tests, each of which ends in another way. */
const files = {
  'right.spec.mjs': "it('is right', () => expect(1).toBe(1))\nit.skipIf(true)('is not run', () => expect(1).toBe(2))",
  'wrong.spec.mjs': "describe('sums', () => { it('adds up', () => expect(1 + 1).toBe(3)) })",
  'broken.spec.mjs': "throw new Error('not to be loaded')",
  'no-set-up.spec.mjs':
    "describe('servers', () => { beforeAll(() => { throw new Error('no server') })\nit('serves', () => expect(1).toBe(1)) })",
  'unheard.spec.mjs':
    "it('is right', async () => { Promise.reject(new Error('nobody listens')); await new Promise((done) => setImmediate(done)); expect(1).toBe(1) })",
}

describe('the report of a suite', () => {
  /** @type {string} */
  let folder
  /** @type {import('./tally.mjs').Outcome} */
  let outcome

  beforeAll(() => {
    // Below the repository, so that the files find its Vitest.
    mkdirSync(inHome('test'), { recursive: true })
    folder = mkdtempSync(inHome('test', 'report-'))
    const head = "import { beforeAll, describe, expect, it } from 'vitest'\n"
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), head + text)
    const path = join(folder, 'report.json')
    const vitest = join(root, 'node_modules/vitest/vitest.mjs')
    const reporter = join(root, 'scripts/lib/vitest-report.mjs')
    const { status } = spawnSync(
      process.execPath,
      [vitest, 'run', '--root', folder, '--dir', folder, `--reporter=${reporter}`, `--outputFile.pharos=${path}`],
      { cwd: folder, env: { ...process.env, FORCE_COLOR: '1' } },
    )
    outcome = readVitest('suite', JSON.parse(readFileSync(path, 'utf8')), status ?? 1)
  })

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('counts what each test ended with, and times each file', () => {
    expect(outcome).toMatchObject({ passed: 2, failed: 4 })
    expect(outcome.files?.map(({ file }) => file).toSorted()).toEqual(
      Object.keys(files)
        .map((name) => `suite/${name}`)
        .toSorted(),
    )
  })

  it.each([
    ['a test that fails, with its values and its place', 'suite/wrong.spec.mjs', 'sums > adds up', /^AssertionError: expected 2 to be 3/],
    ['where it failed', 'suite/wrong.spec.mjs', 'sums > adds up', /at .*wrong\.spec\.mjs:2/],
    ['a file that does not load', 'suite/broken.spec.mjs', 'the file itself', /^Error: not to be loaded/],
    ['a group whose set-up fails, so that none of its tests ran', 'suite/no-set-up.spec.mjs', 'servers', /^Error: no server/],
    ['an error that no test awaits', 'suite', 'an error outside of every test', /^Error: nobody listens/],
  ])('names %s', (_sentence, file, name, error) => {
    expect(outcome.failures).toContainEqual({ file, name, error: expect.stringMatching(error) })
  })
})
