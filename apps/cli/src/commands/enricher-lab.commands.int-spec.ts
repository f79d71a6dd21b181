import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EnricherTestAnswer } from '@pharos/contracts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runProgram } from '../program.js'

let folder: string
let server: Server
let seen: { call: string; body: string }[]
let answer: unknown
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pharos-lab-'))
  seen = []
  server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => (body += String(chunk)))
    request.on('end', () => {
      seen.push({ call: `${request.method} ${decodeURIComponent((request.url ?? '').replace('/api/v1', ''))}`, body })
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await rm(folder, { recursive: true, force: true })
})

async function pharos(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = ''
  let err = ''
  const code = await runProgram({
    arguments: ['enricher', ...args],
    environment: { PHAROS_SERVER: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, PHAROS_TOKEN: 'phr_x' },
    streams: { out: (text) => (out += text), err: (text) => (err += text), isTerminal: true },
  })
  return { code, out, err }
}

/** A single enricher in Starlark. */
async function write(script: string, tests = ''): Promise<void> {
  await writeFile(join(folder, 'enricher.yaml'), 'enricher:\n  - name: starlark\n    config: team.star\n')
  await writeFile(join(folder, 'team.star'), script)
  if (tests !== '') await writeFile(join(folder, 'team.test.yaml'), tests)
}

const team = 'def enrich(input):\n    print("looked")\n    return {"team": input.payload.Image.ImageSpec}\n'
const testOf = (expected: string): string =>
  `cases:\n  - name: takes the reference\n    payload: {Image: {ImageSpec: "a/b:1"}}\n    expect: {team: "${expected}"}\n`

describe('pharos enricher new', () => {
  it.each(['starlark', 'template', 'yaegi'])('begins one in %s whose test passes and which runs on the sample', async (engine) => {
    expect(await pharos('new', 'owner', '--engine', engine, '--in', folder)).toMatchObject({ code: 0 })
    expect((await readdir(folder)).sort()).toEqual(['enrichers.yaml', 'owner'])
    const tested = await pharos('test', folder)
    expect(tested).toMatchObject({ code: 0, err: '' })
    expect(tested.out).toMatch(/^ok {3}owner: /m)
    expect((await pharos('run', folder, '--sample')).code).toBe(0)
  })

  it('overwrites nothing, and leaves a list that is there as it is', async () => {
    await pharos('new', 'owner', '--in', folder)
    const before = await readFile(join(folder, 'enrichers.yaml'), 'utf8')
    expect(await pharos('new', 'owner', '--in', folder)).toMatchObject({
      code: 1,
      err: expect.stringContaining('nothing was written') as string,
    })
    expect((await pharos('new', 'other', '--in', folder)).err).toContain('Add it to')
    expect(await readFile(join(folder, 'enrichers.yaml'), 'utf8')).toBe(before)
  })

  it('takes no name that leads out of its folder', async () => {
    expect(await pharos('new', '../owner', '--in', folder)).toMatchObject({ code: 2 })
  })
})

describe('pharos enricher library', () => {
  it('lists the ready ones, and copies those that are named', async () => {
    expect((await pharos('library')).out).toMatch(/owner +\S/)
    expect((await pharos('library', 'owner', 'image-age', '--into', folder)).code).toBe(0)
    expect((await readdir(folder)).sort()).toEqual(['enrichers.yaml', 'image-age', 'owner'])
    expect(await pharos('test', folder)).toMatchObject({ code: 0 })
  })

  it('says which it does not have', async () => {
    expect(await pharos('library', 'nothing', '--into', folder)).toMatchObject({ code: 2, err: 'The library has no nothing.\n' })
  })
})

describe('pharos enricher test', () => {
  it('ends with 0 when all is as expected', async () => {
    await write(team, testOf('a/b:1'))
    expect(await pharos('test', folder)).toMatchObject({ code: 0, out: expect.stringMatching(/^ok .*takes the reference/) as string })
  })

  it('ends with 7 and shows what is not as expected, and what was printed', async () => {
    await write(team, testOf('c'))
    const { code, out, err } = await pharos('test', folder)
    expect({ code, err }).toEqual({ code: 7, err: '1 of 1 tests failed.\n' })
    expect(out).toMatch(/^FAIL .*takes the reference \(team\.test\.yaml:2\)\n +team: expected "c", is "a\/b:1"\n +printed: .*looked/)
  })

  it('ends with 7 when there are no tests, or a script does not compile', async () => {
    await write(team)
    expect(await pharos('test', folder)).toMatchObject({ code: 7, err: expect.stringContaining('no *.test.yaml') as string })
    await write('def enrich(input):\n    return team\n', testOf('c'))
    expect(await pharos('test', folder)).toMatchObject({ code: 7, err: expect.stringMatching(/^team\.star:2:\d+: /) as string })
  })
})

describe('pharos enricher run', () => {
  it('shows the context, what was printed, time and steps', async () => {
    await write(team)
    const { code, out } = await pharos('run', folder, '--sample')
    expect(code).toBe(0)
    expect(out).toMatch(/Context: +\{"team":"docker\.io\/library\/shop-web:1\.4\.2"\}/)
    expect(out).toMatch(/Time: +[\d.]+ ms, \d+ steps/)
    expect(out).toMatch(/Printed: +.*looked/)
  })

  it('takes the payload of a stored image from the server, and runs here', async () => {
    await write(team)
    answer = { Image: { ImageSpec: 'stored:1' } }
    expect((await pharos('run', folder, '--image', 'sha256:00', '--key', 'default')).out).toContain('stored:1')
    expect(seen.map(({ call }) => call)).toEqual(['GET /images/sha256:00/enricher-payload?key=default'])
  })

  it.each([
    ['a payload', { Image: { ImageSpec: 'filed:1' } }],
    ['a payload with its meta', { payload: { Image: { ImageSpec: 'filed:1' } }, meta: {} }],
  ])('takes %s from a file', async (_sentence, value) => {
    await write(team)
    const file = join(folder, '.payload.json')
    await writeFile(file, JSON.stringify(value))
    expect((await pharos('run', folder, '--payload', file)).out).toContain('filed:1')
  })

  it('ends with 7 and the place when an enricher fails, and still shows the outcomes', async () => {
    await write('def enrich(input):\n    print("looked")\n    fail("no team")\n')
    const { code, out, err } = await pharos('run', folder, '--sample', '--output', 'json')
    expect({ code, err }).toEqual({ code: 7, err: expect.stringContaining(' failed.') as string })
    expect(EnricherTestAnswer.parse(JSON.parse(out)).outcomes).toMatchObject([{ ok: false, error: { kind: 'runtime', line: 3 } }])
  })

  it('stops a script that never ends', async () => {
    await write('def enrich(input):\n    for i in range(1 << 40):\n        pass\n    return {}\n')
    const { code, out } = await pharos('run', folder, '--sample')
    expect(code).toBe(7)
    expect(out).toMatch(/Error: +team\.star\S*: (steps|timeout): /)
  })

  it('lets a worker run it with --remote, under the name of its folder', async () => {
    await write(team)
    answer = { problems: [], outcomes: [{ ok: true, enricher: 'x', data: { far: 1 }, prints: [], steps: 1, ms: 1 }] }
    expect((await pharos('run', folder, '--sample', '--remote')).out).toContain('{"far":1}')
    const { files, sample } = JSON.parse(seen[0]?.body ?? '') as { files: { path: string; content: string }[]; sample: boolean }
    expect({ call: seen[0]?.call, sample }).toEqual({ call: 'POST /enrichers:test', sample: true })
    expect(files.find(({ path }) => path === 'enrichers.yaml')?.content).toMatch(/name: pharos-lab-/)
  })

  it('shows the mistakes that the worker found', async () => {
    await write(team)
    answer = { problems: [{ file: 'team.star', line: 1, message: 'wrong' }], outcomes: [] }
    expect(await pharos('run', folder, '--sample', '--remote')).toMatchObject({ code: 7, err: 'team.star:1: wrong\n' })
  })

  it.each([[[]], [['--sample', '--image', 'sha256:00']], [['--sample', '--enricher', 'nobody']]])(
    '%j is a wrong command line',
    async (args) => {
      await write(team)
      expect(await pharos('run', folder, ...args)).toMatchObject({ code: 2 })
    },
  )
})
