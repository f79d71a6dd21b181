import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DecidedFindings, Decision, exampleOf, FindingDetail, VexConflict, VexDocument, VexTrust } from '@pharos/contracts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runProgram } from '../program.js'

const [one, other] = [`f_${'1'.repeat(32)}`, `f_${'2'.repeat(32)}`]

let server: Server
let folder: string
let answers: Record<string, unknown>
let seen: { call: string; body: string; ifMatch: string | undefined; type: string | undefined }[]
beforeEach(async () => {
  answers = {}
  seen = []
  folder = await mkdtemp(join(tmpdir(), 'pharos-cli-'))
  server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => (body += String(chunk)))
    request.on('end', () => {
      const call = `${request.method ?? ''} ${decodeURIComponent((request.url ?? '').replace('/api/v1', ''))}`
      seen.push({ call, body, ifMatch: request.headers['if-match'], type: request.headers['content-type'] })
      const answer = answers[call]
      response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(answer ?? {}))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await rm(folder, { recursive: true })
})

async function pharos(...parameters: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = ''
  let err = ''
  const code = await runProgram({
    arguments: parameters,
    environment: { PHAROS_SERVER: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, PHAROS_TOKEN: 'phr_x' },
    streams: { out: (text) => (out += text), err: (text) => (err += text), isTerminal: true },
    nowMs: () => Date.parse('2026-11-24T09:00:00.000Z'),
  })
  return { code, out, err }
}

const detail = { ...exampleOf(FindingDetail), version: 4, decision: exampleOf(Decision) }

describe('pharos triage', () => {
  it('shows what was decided', async () => {
    answers[`GET /findings/${one}`] = detail
    const { code, out } = await pharos('triage', one)
    expect(code).toBe(0)
    expect(out).toContain('not_affected')
    expect(out).toContain('user:ana (triage)')
  })

  it('decides about the state that it has read', async () => {
    answers[`GET /findings/${one}`] = detail
    answers[`PATCH /findings/${one}`] = detail
    expect((await pharos('triage', one, '--status', 'accepted', '--comment', 'Build stage only.')).code).toBe(0)
    expect(seen.at(-1)).toMatchObject({ ifMatch: '"4"' })
    expect(JSON.parse(seen.at(-1)?.body ?? '')).toEqual({ status: 'accepted', comment: 'Build stage only.' })
  })

  it('decides about many at once', async () => {
    answers['POST /findings:decide'] = { ...exampleOf(DecidedFindings), decided: 1, notFound: [other] }
    const { out } = await pharos(
      'triage',
      one,
      other,
      '--status',
      'not_affected',
      '--justification',
      'component_not_present',
      '--response',
      'update',
    )
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({
      ids: [one, other],
      status: 'not_affected',
      justification: 'component_not_present',
      response: ['update'],
    })
    expect(out).toBe(`1 decided, 0 unchanged, not found: ${other}\n`)
  })

  it('knows no other statuses', async () => {
    expect((await pharos('triage', one, '--status', 'closed')).code).toBe(2)
    expect(seen).toEqual([])
  })
})

describe('pharos vex', () => {
  it('imports a document as it is', async () => {
    const file = join(folder, 'vex.json')
    await writeFile(file, '{"a": 1}')
    answers['POST /vex/documents'] = { ...exampleOf(VexDocument), warnings: ['Statement 2: it names no product.'] }
    const { code, out } = await pharos('vex', 'import', file)
    expect({ code, body: seen[0]?.body, type: seen[0]?.type }).toEqual({ code: 0, body: '{"a": 1}', type: 'application/json' })
    expect(out).toContain('3 matched, 3 decided, 0 proposed')
    expect(out).toContain('it names no product')
  })

  it.each([
    [['sha256:a'], 'GET /images/sha256:a/vex?format=csaf'],
    [['--filter', 'severity >= high'], 'GET /vex/export?format=csaf&filter=severity+>=+high'],
  ])('exports %j to a file', async (parameters, call) => {
    answers[call] = { version: 1 }
    const file = join(folder, 'out.json')
    expect((await pharos('vex', 'export', ...parameters, '--format', 'csaf', '--file', file)).code).toBe(0)
    expect(await readFile(file, 'utf8')).toBe('{"version":1}')
  })

  it('lists and removes documents', async () => {
    answers['GET /vex/documents'] = { items: [exampleOf(VexDocument)], nextCursor: 'c1' }
    const { out, err } = await pharos('vex', 'list')
    expect(out).toContain('security@example.org')
    expect(err).toContain('--cursor c1')
    answers['DELETE /vex/documents/d1'] = {}
    expect((await pharos('vex', 'remove', 'd1')).out).toBe('Removed d1\n')
  })

  it('lists contradictions', async () => {
    answers['GET /vex/conflicts'] = { items: [exampleOf(VexConflict)], nextCursor: null }
    const { out } = await pharos('vex', 'conflicts')
    expect(out).toMatch(/affected +user:ana +not_affected +security@example.org/)
  })

  it('shows and sets whose statements decide', async () => {
    answers['GET /vex/trust'] = { ...exampleOf(VexTrust), version: 2 }
    answers['PUT /vex/trust'] = { ...exampleOf(VexTrust), rules: [] }
    expect((await pharos('vex', 'trust')).out).toMatch(/admins +uploaderRoles: admin/)
    const file = join(folder, 'trust.json')
    await writeFile(file, '{"rules": []}')
    expect((await pharos('vex', 'trust', '--set', file)).out).toBe('No statement decides.\n')
    expect(seen.at(-1)).toMatchObject({ call: 'PUT /vex/trust', ifMatch: '"2"', body: '{"rules":[]}' })
  })
})
