import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exampleOf, PharosError, Rematch } from '@pharos/contracts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runProgram } from '../program.js'

const example = exampleOf(Rematch) as Rematch

let server: Server
let seen: { call: string; body: string }[]
let answer: { status: number; body: unknown }
beforeEach(async () => {
  seen = []
  answer = { status: 200, body: example }
  server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => (body += String(chunk)))
    request.on('end', () => {
      seen.push({ call: `${request.method} ${decodeURIComponent((request.url ?? '').replace('/api/v1', ''))}`, body })
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

async function pharos(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = ''
  let err = ''
  const code = await runProgram({
    arguments: ['rematch', ...args],
    environment: { PHAROS_SERVER: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, PHAROS_TOKEN: 'phr_x' },
    streams: { out: (text) => (out += text), err: (text) => (err += text), isTerminal: true },
  })
  return { code, out, err }
}

describe('pharos rematch', () => {
  it('lists re-matches with how far they are', async () => {
    const running: Rematch = {
      ...example,
      state: 'preparing',
      progress: { chunks: 122, ended: 40, failed: 0, round: 2 },
      endedAt: null,
    }
    answer.body = { items: [running, { ...running, isPaused: true }, example], nextCursor: null }
    const { code, out } = await pharos('list', '--engine', 'grype')
    expect(code).toBe(0)
    expect(seen[0]?.call).toBe('GET /rematches?engine=grype')
    expect(out).toMatch(/matching 40\/122, round 2/)
    expect(out).toMatch(/paused 40\/122, round 2/)
    expect(out).toMatch(/done .*812.*59204.*5102.*960.*1204.*3011.*25\.6/)
  })

  it('shows the report of one, and its problem', async () => {
    answer.body = { ...example, problem: 'Chunk 3 was given up' }
    const { out } = await pharos('show', example.id)
    expect(seen[0]?.call).toBe(`GET /rematches/${example.id}`)
    expect(out).toContain('812 matched, 59204 skipped, 0 failed')
    expect(out).toContain('matching 21.4, switching 4.2')
    expect(out).toContain('Chunk 3 was given up')
  })

  it.each([
    [['start', '--full'], 'POST /rematches', { full: true }],
    [['pause', example.id], `POST /rematches/${example.id}:pause`, null],
    [['resume', example.id], `POST /rematches/${example.id}:resume`, null],
  ])('%j calls its route', async (args, call, body) => {
    expect((await pharos(...args)).code).toBe(0)
    expect(seen[0]?.call).toBe(call)
    if (body !== null) expect(JSON.parse(seen[0]?.body ?? '')).toEqual(body)
  })

  it('says why one cannot be started', async () => {
    const problem = new PharosError('conflict', 'The re-match 1 has not ended yet.')
    answer = { status: problem.status, body: problem.toProblem() }
    const { code, err } = await pharos('start')
    expect(code).not.toBe(0)
    expect(err).toContain('The re-match 1 has not ended yet. (conflict)')
  })
})
