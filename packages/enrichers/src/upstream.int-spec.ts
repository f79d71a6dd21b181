import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { samplePayload } from './library/sample-payload.js'
import { createEnricherRunner, type EnricherRunner } from './run/enricher-runner.js'
import { readEnricherFiles } from './format/read-files.js'
import { readFolderFiles } from './sources/read-folder.js'

/**
 * Enrichers of upstream Pharos give here what they give there. One thing differs, and is left out: toYaml writes a moment of a YAML file as
 * Go prints it, since it is a text here. Needs a clone of upstream, which is not part of this repository, and Go with
 * its module proxy: PHAROS_UPSTREAM_REPOSITORY=<folder> vitest run src/upstream.int-spec.ts
 */
const repository = process.env['PHAROS_UPSTREAM_REPOSITORY']
const place = mkdtempSync(join(tmpdir(), 'pharos-upstream-'))
const upstream = join(place, 'upstream')
const driver = join(place, 'driver')
let runners: Record<'auto' | 'float', EnricherRunner>

/** Enrichers that upstream's test data has as scripts alone. */
const wrapped: Readonly<Record<string, string>> = {
  semver: 'enricher:\n- name: starlark\n  config: ../testdata/enrichers/starlark/semver.star\n',
  'has-update': 'enricher:\n- name: yaegi\n  config: ../testdata/enrichers/yaegi/has-update.yaegi\n',
  'pass-through': 'enricher:\n- name: hbs\n  config: ../testdata/enrichers/pass_through.hbs\n',
  // Of our own: what is special about upstream's engines.
  'two-steps': 'enricher:\n- name: file\n  config: data.yaml\n- name: hbs\n  config: first.hbs\n- name: starlark\n  config: second.star\n',
  filters: 'enricher:\n- name: file\n  config: data.yaml\n- name: hbs\n  config: filters.hbs\n',
  'broken-template': 'enricher:\n- name: hbs\n  config: broken.hbs\n',
  'broken-starlark': 'enricher:\n- name: starlark\n  config: broken.star\n',
}
const ourFiles: Readonly<Record<string, string>> = {
  'data.yaml':
    'list:\n  - {version: 3.%, n: 1, day: 2027-05-01}\n  - {version: 8.10, n: 012, day: x}\n  - {version: 12, n: 2.9, day: null}\nword: yes\n',
  'first.hbs':
    'payload: {{ .payload.Image.ImageSpec | quote }}\nn: {{ len .payload.Findings }}\nday: {{ (first .meta.data.list).day }}\nword: {{ .meta.data.word }}\n',
  'second.star':
    'def enrich(input):\n    return {"spec": input.payload, "n": input.n, "fields": dir(input), "day": input.day, "word": input.word}\n',
  'filters.hbs':
    'a: {{ .meta.data.list | filter "version" "matchWildcard" "3.18" | map "field" "n" | sum }}\nb: {{ .meta.data.list | filter "version" "startsWith" "8" | count }}\nc: {{ .meta.data.list | map "field" "n" | toYaml | nindent 2 }}\nd: {{ .meta.data.list | map "field" "n" | sum }}\ne: {{ index .meta.data.list 1 | toYaml | nindent 2 }}\nf: {{ .nothing }}\ng: 2028-06-30\nh: 1.10\ni: yes\n',
  'broken.hbs': 'a: {{ index .payload.Nothing 3 }}\n',
  'broken.star': 'def enrich(input):\n    return input.payload.Nothing\n',
}

const enrichers: readonly [name: string, folder: string, file: string][] = [
  ['eos', 'testdata/enrichers/eos', 'enricher.yaml'],
  ['eos of the image', 'kodata/enrichers', 'enricher.yaml'],
  ['owner', 'testdata/enrichers/owner', 'enricher.yaml'],
  ['findings-summary', 'testdata/enrichers/findings-summary', 'enricher.yaml'],
  ['waive-images', 'testdata/enrichers/waive-images', 'enricher.yaml'],
  ['exemption', 'testdata/enrichers/starlark', 'enricher.yaml'],
  ['risk', 'testdata/enrichers-flat', 'risk-enricher.yaml'],
  ...Object.keys(wrapped).map((name): [string, string, string] => [name, 'ours', `${name}.yaml`]),
]

function payloads(): [name: string, payload: Record<string, unknown>][] {
  const { payload } = JSON.parse(readFileSync(join(upstream, 'testdata/payload.json'), 'utf8')) as {
    payload: { Image: Record<string, unknown> }
  }
  const { Findings, Vulnerabilities, Packages } = payload.Image
  return [
    ['of upstream', { Version: '1.0', ...payload, Findings, Vulnerabilities, Packages }],
    ['of ours', { ...samplePayload() }],
    ['without anything', { Version: '1.0' }],
  ]
}

beforeAll(async () => {
  if (repository === undefined) return
  execFileSync('git', ['clone', '-q', repository, upstream])
  mkdirSync(join(upstream, 'cmd/enricherdriver'))
  copyFileSync(join(import.meta.dirname, '__tests__/__fixtures__/upstream-driver.go.txt'), join(upstream, 'cmd/enricherdriver/main.go'))
  execFileSync('go', ['build', '-p', '1', '-o', driver, './cmd/enricherdriver'], { cwd: upstream, stdio: 'pipe' })
  mkdirSync(join(upstream, 'ours'))
  for (const [name, text] of Object.entries(wrapped)) writeFileSync(join(upstream, 'ours', `${name}.yaml`), text)
  for (const [path, text] of Object.entries(ourFiles)) writeFileSync(join(upstream, 'ours', path), text)
  const limits = { workers: 1, timeoutMs: 60_000 }
  runners = { auto: await createEnricherRunner(limits), float: await createEnricherRunner({ ...limits, numbers: 'float' }) }
}, 1_800_000)
afterAll(async () => {
  if (repository !== undefined) await Promise.all([runners.auto.close(), runners.float.close()])
  rmSync(place, { recursive: true, force: true })
})

interface Answer {
  payload: unknown
  data: Record<string, unknown> | null
}

/** What upstream gives, and the payload as it handed it to the enricher. */
function ofUpstream(folder: string, file: string, payload: unknown): Answer {
  const input = `${JSON.stringify({ folder: join(upstream, folder), file, payload })}\n`
  const output = execFileSync(driver, [], { input, encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['pipe', 'pipe', 'ignore'] })
  const line = output.split('\n').find((one) => one.startsWith('answer '))
  return JSON.parse(line?.slice('answer '.length) ?? '') as Answer
}

const folders = ['ours', 'testdata/enrichers', 'testdata/enrichers-flat', 'kodata/enrichers']

async function setOf(folder: string, file: string) {
  const files = await Promise.all(
    folders.map(async (one) => {
      const read = await readFolderFiles(join(upstream, one))
      if (!read.ok) throw new Error(JSON.stringify(read.problems))
      return read.files.map(({ path, content }) => ({ path: `${one}/${path}`, content }))
    }),
  )
  const set = await readEnricherFiles([
    ...files.flat(),
    { path: 'enrichers.yaml', content: `sources: [{name: it, path: ${folder}/${file}}]` },
  ])
  if (!set.ok) throw new Error(JSON.stringify(set.problems))
  return set.set
}

/** Upstream stores a failure of Starlark and Yaegi as data, and of a template nothing; here both are failures. */
function isFailure(data: Record<string, unknown> | null): boolean {
  return data === null || (Object.keys(data).length === 1 && typeof data['error'] === 'string')
}

describe.skipIf(repository === undefined).each(enrichers)('%s', (_name, folder, file) => {
  it.each(['of upstream', 'of ours', 'without anything'])(
    'gives for the payload %s what it gives in upstream',
    async (wanted) => {
      const [, given] = payloads().find(([name]) => name === wanted) ?? ['', {}]
      const { payload, data } = ofUpstream(folder, file, given)
      for (const numbers of ['auto', 'float'] as const) {
        const [outcome] = await runners[numbers].run(await setOf(folder, file), JSON.stringify(payload))
        if (isFailure(data)) expect({ numbers, ok: outcome?.ok }).toEqual({ numbers, ok: false })
        else expect({ numbers, outcome }).toEqual({ numbers, outcome: expect.objectContaining({ ok: true, data }) })
      }
    },
    300_000,
  )
})
