import type { EnricherFile } from '@pharos/contracts'
import { describe, expect, it } from 'vitest'
import { readEnricherFiles } from './read-files.js'

function filesOf(files: Record<string, string>): EnricherFile[] {
  return Object.entries(files).map(([path, content]) => ({ path, content }))
}

async function problemsOf(files: Record<string, string>) {
  const read = await readEnricherFiles(filesOf(files))
  return read.ok ? [] : read.problems
}

async function setOf(files: Record<string, string>, name?: string) {
  const read = await readEnricherFiles(filesOf(files), { name })
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  return read
}

const star = 'def enrich(input):\n    return {}\n'
const owner = {
  'owner/enricher.yaml': 'enricher:\n- name: file\n  config: owners.yaml\n- name: starlark\n  config: owner.star\n',
  'owner/owners.yaml': 'shop: team-shop\n',
  'owner/owner.star': star,
}

describe('a set in folders', () => {
  it('has its enrichers in the order that is given, and the others behind, as upstream runs them too', async () => {
    const { set, warnings } = await setOf({
      'enrichers.yaml': 'order: [b, owner]\nsources:\n  - name: a\n  - name: owner\n  - name: b\n    path: deep/b\n',
      ...owner,
      'a/enricher.yaml': 'enricher:\n- name: hbs\n  config: a.hbs\n',
      'a/a.hbs': 'a: 1',
      'deep/b/enricher.yaml': 'enricher:\n- name: yaegi\n  config: ../b.go\n',
      'deep/b.go': 'package main',
    })
    expect(set.enrichers.map((one) => one.name)).toEqual(['b', 'owner', 'a'])
    expect(warnings).toEqual(['enrichers.yaml: a: not in order, so it runs behind those that are.'])
    expect(set.enrichers[1]?.steps).toMatchObject([
      { kind: 'meta', path: 'owner/owners.yaml', ref: 'owners' },
      { kind: 'script', engine: 'starlark', name: 'owner/owner.star', source: star },
    ])
    expect(set.enrichers.map((one) => one.stepNames)).toEqual([['yaegi'], ['file', 'starlark'], ['hbs']])
  })

  it('may have its list under the key enrichers, and one file for an enricher', async () => {
    const { set } = await setOf({
      'enrichers.yaml': 'enrichers:\n  order: [risk]\n  sources:\n    - name: risk\n      path: risk-enricher.yaml\n',
      'risk-enricher.yaml': 'enricher:\n- name: hbs\n  config: risk_v1.hbs',
      'risk_v1.hbs': 'risk: 1',
    })
    expect(set.enrichers).toMatchObject([{ name: 'risk', folder: '', steps: [{ engine: 'template', name: 'risk_v1.hbs' }] }])
  })

  it('may be a single enricher, which is called as the reader says', async () => {
    const files = { 'enricher.yaml': 'enricher:\n- name: starlark\n  config: owner.star\n', 'owner.star': star }
    expect((await setOf(files)).set.enrichers[0]?.name).toBe('results')
    expect((await setOf(files, 'owner')).set.enrichers[0]?.name).toBe('owner')
  })

  it('gives a file step its own name with ref', async () => {
    const { set } = await setOf({
      ...owner,
      'enricher.yaml': 'enricher:\n- {name: file, config: owner/owners.yaml, ref: people}\n- {name: starlark, config: owner/owner.star}\n',
    })
    expect(set.enrichers[0]?.steps[0]).toMatchObject({ ref: 'people' })
  })

  it('changes its hash with any file and with the name of a single enricher, not with the order of the files', async () => {
    const files = { 'enricher.yaml': 'enricher:\n- name: starlark\n  config: owner.star\n', 'owner.star': star }
    const hash = (await setOf(files)).set.hash
    expect(hash).toMatch(/^[0-9a-f]{64}$/)
    expect((await setOf(Object.fromEntries(Object.entries(files).reverse()))).set.hash).toBe(hash)
    expect((await setOf({ ...files, 'README.md': 'x' })).set.hash).not.toBe(hash)
    expect((await setOf(files, 'owner')).set.hash).not.toBe(hash)
  })
})

describe('a ConfigMap', () => {
  const keys = {
    'enrichers.yaml': 'order: [eos]\nsources:\n  - name: eos\n    path: eos-enricher.yaml\n',
    'eos-enricher.yaml': 'results:\n  - name: file\n    config: eos-eos.yaml\n    ref: eos\n  - name: hbs\n    config: eos-eos_v1.hbs\n',
    'eos-eos.yaml': 'alpine: []\n',
    'eos-eos_v1.hbs': 'eos: 1\n',
  }

  it('is read from its keys, also with the old name of the list of steps', async () => {
    const { set, warnings } = await setOf(keys)
    expect(set.enrichers).toMatchObject([{ name: 'eos', steps: [{ ref: 'eos', path: 'eos-eos.yaml' }, { name: 'eos-eos_v1.hbs' }] }])
    expect(warnings).toEqual(['eos-enricher.yaml: the key results is an old name of enricher.'])
  })

  it('is read from its YAML, and is the same set', async () => {
    const indented = Object.entries(keys).map(([key, value]) => `  ${key}: |\n${value.replaceAll(/^/gm, '    ').trimEnd()}\n`)
    const { set } = await setOf({
      'configmap.yaml': `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: pharos-enrichers}\ndata:\n${indented.join('')}`,
    })
    expect(set.hash).toBe((await setOf(keys)).set.hash)
  })
})

describe('contexts of enrichers before', () => {
  const reader = (script: string, list = 'sources: [{name: owner}, {name: other}, {name: reader}]') => ({
    ...owner,
    'enrichers.yaml': list,
    'other/enricher.yaml': 'enricher: [{name: starlark, config: ../owner/owner.star}]',
    'reader/enricher.yaml': 'enricher: [{name: starlark, config: r.star}]',
    'reader/r.star': script,
  })

  it.each([
    [
      'are known to be read from the name in the script',
      'for c in input.payload.Image.ContextRoots[0].Contexts:\n  if c.Owner == "owner": pass',
      ['owner'],
    ],
    ['are not needed by a script that names none of them', 'input.payload.Image.ContextRoots[0].Contexts[0].Data', []],
    ['are not needed by a script that only has a field of that name', 'return {"owner": 1}', []],
  ])('%s', async (_sentence, script, after) => {
    const { set } = await setOf(reader(script))
    expect(set.enrichers.find((one) => one.name === 'reader')?.after).toEqual(after)
  })

  it('are not waited for of an enricher that runs later', async () => {
    const naming = 'for c in input.payload.Image.ContextRoots[0].Contexts:\n  if c.Owner == "owner": pass'
    const { set } = await setOf(reader(naming, 'sources: [{name: reader}, {name: other}, {name: owner}]'))
    expect(set.enrichers[0]).toMatchObject({ name: 'reader', after: [] })
  })

  it('can be asked for with after', async () => {
    const { set } = await setOf(reader(star, 'sources: [{name: owner}, {name: other}, {name: reader, after: [other]}]'))
    expect(set.enrichers[2]?.after).toEqual(['other'])
  })

  it('cannot be asked for of an enricher that runs later or is not there', async () => {
    const problems = await problemsOf(reader(star, 'sources: [{name: owner}, {name: reader, after: [other, nobody]}, {name: other}]'))
    expect(problems.map((problem) => problem.message)).toEqual([
      'after: other does not run before reader; change the order.',
      'after: no enricher is called nobody.',
    ])
  })
})

describe('mistakes', () => {
  const list = (entry: string) => ({ ...owner, 'enrichers.yaml': `sources:\n  - name: owner\n  - ${entry}\n` })
  const single = (steps: string, more: Record<string, string> = {}) => ({ 'enricher.yaml': steps, 'owner.star': star, ...more })

  it.each<[string, Record<string, string>, object[]]>([
    ['no file at all', {}, [{ file: '', message: 'There is no file.' }]],
    ['no list of enrichers', { 'README.md': 'x' }, [{ file: '', message: expect.stringContaining('There is no enrichers.yaml') }]],
    [
      'a set one folder too high',
      { 'x/enrichers.yaml': 'sources: []' },
      [{ message: expect.stringContaining('give the files of the folder x') }],
    ],
    [
      'YAML that is none',
      { 'enrichers.yaml': 'sources:\n  - name: "a' },
      [{ file: 'enrichers.yaml', line: 2, message: expect.stringContaining('This is no YAML') }],
    ],
    [
      'two enrichers with one name',
      list('name: owner'),
      [{ file: 'enrichers.yaml', line: 3, column: 11, message: 'The name owner is there twice: it would own two contexts.' }],
    ],
    [
      'a name with a slash',
      list('name: a/b'),
      [{ line: 3, message: expect.stringContaining('sources[1].name: an enricher is named with') }],
    ],
    ['a name that owns submitted contexts', list('name: submit'), [{ message: expect.stringContaining('take another name') }]],
    ['a key that nobody knows', list('name: b\n    paht: x'), [{ message: expect.stringContaining('paht') }]],
    ['an enricher without files', list('name: b'), [{ line: 3, message: 'There is no file b/enricher.yaml, which holds the steps of b.' }]],
    ['a path out of the set', list('name: b\n    path: ../b'), [{ line: 4, message: 'The path ../b leads out of the set.' }]],
    ['an absolute path', list('name: b\n    path: /etc'), [{ message: expect.stringContaining('absolute') }]],
    [
      'a variable of the environment',
      list('name: b\n    git: https://$USER:$TOKEN@git.example/o/r/tree/main/b'),
      [{ message: expect.stringContaining('Environment variables') }],
    ],
    [
      'a git source that was not fetched',
      list('name: b\n    git: https://git.example/o/r/tree/main/b'),
      [{ message: expect.stringContaining('fetch it first') }],
    ],
    [
      'an order with a name that is not there',
      { ...owner, 'enrichers.yaml': 'order: [owner, ownr, owner]\nsources: [{name: owner}]' },
      [{ line: 1, message: expect.stringContaining('ownr') }, { message: 'order: owner is there twice.' }],
    ],
    ['an empty list', { 'enrichers.yaml': 'order: []\nsources: []' }, [{ message: 'sources: no enricher is listed.' }]],
    [
      'a step that nobody knows',
      single('enricher:\n- name: lua\n  config: owner.star'),
      [{ line: 2, column: 9, message: 'No step is called lua: there are file, hbs, starlark, yaegi, debug.' }],
    ],
    [
      'a visual enricher of upstream',
      single('enricher:\n- name: visual'),
      [{ line: 2, message: expect.stringContaining('user interface of upstream') }],
    ],
    [
      'a step without its file',
      single('enricher:\n- name: starlark'),
      [{ line: 2, message: 'config: the file of this step is not named.' }],
    ],
    [
      'a step whose file is not there',
      single('enricher:\n- name: starlark\n  config: x.star'),
      [{ line: 3, column: 11, message: 'config: there is no file x.star.' }],
    ],
    [
      'a step that leads out',
      single('enricher:\n- name: file\n  config: ../../etc/passwd'),
      [{ message: expect.stringContaining('leads out of the set') }],
    ],
    [
      'steps under another key',
      single('steps:\n- name: starlark'),
      [{ file: 'enricher.yaml', message: expect.stringContaining('Its keys are steps.') }],
    ],
    ['no step that makes a result', single('enricher:\n- name: debug'), [{ message: expect.stringContaining('No step makes a result') }]],
    [
      'a meta file that is a list',
      single('enricher: [{name: file, config: m.yaml}, {name: starlark, config: owner.star}]', { 'm.yaml': '- a' }),
      [{ file: 'm.yaml', message: expect.stringContaining('reads a map') }],
    ],
    [
      'a meta file with what JSON cannot say',
      single('enricher: [{name: file, config: m.yaml}, {name: starlark, config: owner.star}]', { 'm.yaml': 'a: .nan' }),
      [{ file: 'm.yaml', message: expect.stringContaining('NaN') }],
    ],
    ['a path with ..', { '../enricher.yaml': 'x' }, [{ message: expect.stringContaining('leads down') }]],
    ['an absolute file', { '/enricher.yaml': 'x' }, [{ message: expect.stringContaining('relative') }]],
    ['a binary file', { 'enricher.yaml': 'a\0b' }, [{ message: expect.stringContaining('NUL') }]],
    ['a huge file', { 'enricher.yaml': 'x'.repeat(1024 * 1024 + 1) }, [{ message: expect.stringContaining('1048577 bytes') }]],
  ])('%s', async (_sentence, files, expected) => {
    expect(await problemsOf(files)).toMatchObject(expected)
  })

  it('are all told at once', async () => {
    const problems = await problemsOf({
      'enrichers.yaml': 'order: [zzz]\nsources: [{name: a}, {name: b}, {name: owner}, {name: owner}]',
      ...owner,
      'b/enricher.yaml': 'enricher: [{name: hbs, config: none.hbs}, {name: visual}]',
    })
    expect(problems.map(({ file, message }) => `${file}: ${message.slice(0, 30)}`)).toEqual([
      'enrichers.yaml: There is no file a/enricher.ya',
      'enrichers.yaml: The name owner is there twice:',
      'enrichers.yaml: order: no enricher of sources ',
      'b/enricher.yaml: config: there is no file b/non',
      'b/enricher.yaml: visual: such an enricher is dr',
    ])
  })

  it('do not hide behind a path that is there twice', async () => {
    const read = await readEnricherFiles([
      { path: 'enricher.yaml', content: 'enricher: []' },
      { path: 'enricher.yaml', content: 'enricher: []' },
    ])
    expect(read).toMatchObject({ ok: false, problems: [{ file: 'enricher.yaml', message: 'This path is there twice.' }] })
  })
})

describe('YAML that is made to hurt', () => {
  const bomb = (levels: number) =>
    `a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n${Array.from({ length: levels }, (_, n) => `a${n + 1}: &a${n + 1} [${Array(10).fill(`*a${n}`).join(',')}]\n`).join('')}`
  const withMeta = (content: string) => ({
    'enricher.yaml': 'enricher: [{name: file, config: m.yaml}, {name: starlark, config: o.star}]',
    'o.star': star,
    'm.yaml': content,
  })

  it.each<[string, Record<string, string>, object]>([
    ['anchors that explode', withMeta(bomb(9)), { file: 'm.yaml', message: expect.stringContaining('with its aliases written out') }],
    [
      'anchors that explode in a list of enrichers',
      { 'enrichers.yaml': bomb(9) },
      { file: 'enrichers.yaml', message: expect.stringContaining('with its aliases written out') },
    ],
    [
      'an alias of what it stands in',
      withMeta('a: &a\n  b: *a'),
      { file: 'm.yaml', line: 2, message: 'The alias *a stands inside of what it names.' },
    ],
    ['an alias without an anchor', withMeta('a: *b'), { file: 'm.yaml', line: 1 }],
    ['brackets without end', withMeta(`a: ${'['.repeat(20_000)}`), { file: 'm.yaml' }],
    [
      'maps in maps in maps',
      withMeta(`a: ${'{a: '.repeat(150)}1${'}'.repeat(150)}`),
      { file: 'm.yaml', message: expect.stringContaining('nested') },
    ],
    ['a key that is there twice', withMeta('a: 1\na: 2'), { file: 'm.yaml', line: 2 }],
  ])('%s is a problem of its file', async (_sentence, files, problem) => {
    const problems = await problemsOf(files)
    expect(problems[0]).toMatchObject(problem)
  })

  it.each([
    ['values', bomb(5), 'more than 200000 values'],
    ['characters', `a: &a ${'x'.repeat(100_000)}\nb: [${Array(50).fill('*a').join(',')}]`, 'larger than 4 MiB'],
  ])('is held to a number of %s', async (_what, content, message) => {
    expect((await problemsOf(withMeta(content)))[0]?.message).toContain(message)
  })

  it('leaves modest use of anchors alone', async () => {
    await expect(setOf(withMeta(bomb(2)))).resolves.toMatchObject({ ok: true })
  })
})
