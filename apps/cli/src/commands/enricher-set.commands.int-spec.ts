import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EnricherOverview, EnricherRun, EnricherRunDetail, exampleOf, PharosError, StoredEnricherSet } from '@pharos/contracts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runProgram } from '../program.js'

const set = exampleOf(StoredEnricherSet) as StoredEnricherSet
const run = exampleOf(EnricherRun) as EnricherRun
const detail = exampleOf(EnricherRunDetail) as EnricherRunDetail

let server: Server
let seen: { call: string; body: string }[]
/** Answers by call, the first of a list first; the last one stays. */
let answers: Record<string, unknown[]>
let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pharos-enrichers-'))
  seen = []
  answers = {}
  server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => (body += String(chunk)))
    request.on('end', () => {
      const call = `${request.method} ${decodeURIComponent((request.url ?? '').replace('/api/v1', ''))}`
      seen.push({ call, body })
      const list = answers[call] ?? [new PharosError('not-found', 'No such thing.')]
      const answer = list.length > 1 ? list.shift() : list[0]
      const isProblem = answer instanceof PharosError
      response
        .writeHead(isProblem ? answer.status : 200, { 'content-type': 'application/json' })
        .end(JSON.stringify(isProblem ? answer.toProblem() : answer))
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

const calls = () => seen.map(({ call }) => call)

async function writeOwner(): Promise<void> {
  await writeFile(join(folder, 'enricher.yaml'), 'enricher:\n  - name: starlark\n    config: owner.star\n')
  await writeFile(join(folder, 'owner.star'), 'def enrich(input):\n    return {"team": "payments"}\n')
}

describe('the active enrichers', () => {
  it('are shown with how they do', async () => {
    const overview = exampleOf(EnricherOverview) as EnricherOverview
    const lastError = {
      at: '2026-11-24T08:00:00.000Z',
      digest: null,
      key: '',
      error: { kind: 'timeout' as const, engine: 'starlark', script: 'owner/owner.star', message: 'More than 5 s.' },
    }
    answers['GET /enrichers'] = [{ ...overview, due: 12, enrichers: overview.enrichers.map((one) => ({ ...one, failures: 3, lastError })) }]
    const { code, out } = await pharos()
    expect(code).toBe(0)
    expect(out).toMatch(/Active set: +7, owners of the third quarter/)
    expect(out).toMatch(/12 images and workloads/)
    expect(out).toMatch(/owner +file, starlark +10000 +3 +1\.4 +.* ago: timeout: More than 5 s\./)
  })

  it('are none at first, and how to have some is said', async () => {
    answers['GET /enrichers'] = [{ active: null, run: null, due: 0, enrichers: [] }]
    expect((await pharos('list')).out).toContain('pharos enricher push FOLDER --activate')
  })
})

describe('a set', () => {
  it('is named by its version or its id', async () => {
    answers['GET /enrichers/sets?limit=100'] = [{ items: [{ ...set, id: run.id, version: 8 }], nextCursor: 'next' }]
    answers['GET /enrichers/sets?limit=100&cursor=next'] = [{ items: [set], nextCursor: null }]
    answers[`POST /enrichers/sets/${set.id}:compare`] = [{ ...run, kind: 'compare' }]
    expect((await pharos('compare', '7')).code).toBe(0)
    expect((await pharos('compare', set.id)).code).toBe(0)
    expect(calls().filter((call) => call === `POST /enrichers/sets/${set.id}:compare`)).toHaveLength(2)
  })

  it('of a version that is not there is an error that says so', async () => {
    answers['GET /enrichers/sets?limit=100'] = [{ items: [set], nextCursor: null }]
    expect(await pharos('activate', '9')).toMatchObject({ code: 1, err: 'There is no set of version 9.\n' })
  })

  it('is sent as a folder, waited for while it is checked, and activated', async () => {
    await writeOwner()
    answers['POST /enrichers/sets'] = [{ ...set, state: 'checking' }]
    answers[`GET /enrichers/sets/${set.id}`] = [
      { ...set, state: 'checking' },
      { ...set, state: 'draft' },
    ]
    answers[`POST /enrichers/sets/${set.id}:activate`] = [run]
    answers[`GET /enrichers/runs/${run.id}`] = [detail, { ...detail, state: 'done', secondsLeft: null }]
    const { code, out, err } = await pharos('push', folder, '--label', 'first', '--activate', '--wait')
    expect({ code, err }).toMatchObject({ code: 0, err: expect.stringContaining('activate running 2500/10000, about 90 s left') as string })
    expect(out).toContain('120 changed')
    expect(out).toContain('{"team":"checkout"}')
    const sent = JSON.parse(seen[0]?.body ?? '') as { files: { path: string }[]; label: string }
    expect(sent.label).toBe('first')
    expect(sent.files.map(({ path }) => path).sort()).toEqual(['enricher.yaml', 'enrichers.yaml', 'owner.star'])
  })

  it('is fetched by a worker with --git, at a pinned commit only', async () => {
    answers['POST /enrichers/sets'] = [{ ...set, state: 'draft' }]
    expect((await pharos('push', '--git', 'https://git.example/x.git')).code).toBe(2)
    expect((await pharos('push', '--git', 'https://git.example/x.git', '--commit', 'a'.repeat(40), '--path', 'p')).code).toBe(0)
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({ source: { git: 'https://git.example/x.git', commit: 'a'.repeat(40), path: 'p' } })
  })

  it('that is refused ends with 7 and names each mistake', async () => {
    await writeOwner()
    const errors = ['owner.star:2:12: undefined: ownr', 'owner.star: There is no enrich.'].map((detail) => ({
      pointer: '#/body/files',
      detail,
    }))
    answers['POST /enrichers/sets'] = [new PharosError('enricher-set-invalid', 'The set has 2 mistakes.', { errors })]
    expect(await pharos('push', folder)).toMatchObject({
      code: 7,
      err: 'owner.star:2:12: undefined: ownr\nowner.star: There is no enrich.\n',
    })
  })

  it('whose mistakes are found later ends with 7 too', async () => {
    await writeOwner()
    const problems = [
      { file: 'owner.star', line: 2, column: 12, message: 'undefined: ownr' },
      { file: 'owner.star', message: 'There is no enrich.' },
    ]
    answers['POST /enrichers/sets'] = [{ ...set, state: 'checking' }]
    answers[`GET /enrichers/sets/${set.id}`] = [{ ...set, state: 'invalid', problems }]
    expect(await pharos('push', folder)).toMatchObject({
      code: 7,
      err: 'owner.star:2:12: undefined: ownr\nowner.star: There is no enrich.\n',
    })
  })

  it('whose folder has mistakes is not sent', async () => {
    await writeFile(join(folder, 'enricher.yaml'), 'enricher:\n  - name: lua\n    config: a.lua\n')
    const { code, err } = await pharos('push', folder)
    expect({ code, calls: calls() }).toEqual({ code: 7, calls: [] })
    expect(err).toContain('enricher.yaml')
  })
})

describe('a run over the fleet', () => {
  it.each(['pause', 'resume', 'cancel'])('can be told to %s', async (action) => {
    answers[`POST /enrichers/runs/${run.id}:${action}`] = [run]
    expect((await pharos(action, run.id)).code).toBe(0)
    expect(calls()).toEqual([`POST /enrichers/runs/${run.id}:${action}`])
  })

  it('that was cancelled while it was followed is an error', async () => {
    answers[`GET /enrichers/runs/${run.id}`] = [detail, { ...detail, state: 'cancelled' }]
    expect(await pharos('runs', run.id, '--wait')).toMatchObject({
      code: 1,
      err: expect.stringContaining('The run is cancelled.') as string,
    })
  })

  it('is listed with others', async () => {
    answers['GET /enrichers/runs?limit=5'] = [{ items: [run], nextCursor: null }]
    expect((await pharos('runs', '--limit', '5')).out).toMatch(/activate +7 +running +2500\/10000 +0 +0 +120 +0/)
  })

  it('shows its differences by enricher and kind', async () => {
    answers[`GET /enrichers/runs/${run.id}/differences?owner=owner&kind=changed`] = [{ items: detail.samples, nextCursor: null }]
    expect((await pharos('differences', run.id, '--owner', 'owner', '--kind', 'changed')).out).toMatch(
      /4bcff63911fc +- +owner +changed +\{"team":"payments"\} +\{"team":"checkout"\}/,
    )
  })
})
