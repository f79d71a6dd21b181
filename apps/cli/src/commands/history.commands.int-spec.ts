import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  Change,
  type ChangePage,
  Difference,
  exampleOf,
  type ExportLine,
  FindingAsOf,
  HistoryEntry,
  ImageDiff,
  PharosError,
} from '@pharos/contracts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runProgram } from '../program.js'

const digest = `sha256:${'a'.repeat(64)}`
type Answer = { status: number; body: string }

let server: Server
let answers: Answer[]
let seen: string[]
let folder: string
beforeEach(async () => {
  answers = []
  seen = []
  folder = await mkdtemp(join(tmpdir(), 'pharos-cli-'))
  server = createServer((request, response) => {
    seen.push(decodeURIComponent((request.url ?? '').replace('/api/v1', '')))
    const { status, body } = answers.shift() ?? problem(new PharosError('not-found', 'Nothing.'))
    response.writeHead(status, { 'content-type': 'application/json' }).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await rm(folder, { recursive: true })
})

const json = (value: unknown): Answer => ({ status: 200, body: JSON.stringify(value) })
const problem = (error: PharosError): Answer => ({ status: error.status, body: JSON.stringify(error.toProblem()) })
const lines = (...items: ExportLine[]): Answer => ({ status: 200, body: items.map((item) => `${JSON.stringify(item)}\n`).join('') })

async function pharos(args: string[], isTerminal = true): Promise<{ code: number; out: string; err: string }> {
  let out = ''
  let err = ''
  const code = await runProgram({
    arguments: args,
    environment: { PHAROS_SERVER: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, PHAROS_TOKEN: 'phr_x' },
    streams: { out: (text) => (out += text), err: (text) => (err += text), isTerminal },
  })
  return { code, out, err }
}

describe('pharos diff', () => {
  const diff = { ...exampleOf(ImageDiff), items: [exampleOf(Difference)] }

  it('shows all pages of a difference as one', async () => {
    answers = [json({ ...diff, nextCursor: 'next' }), json(diff)]
    const { code, out } = await pharos(['diff', digest, '--since', '2026-11-01T00:00:00.000Z'])
    expect(code).toBe(0)
    expect(out.match(/removed +CVE-2021-23337 in lodash 4.17.20 +high, fixed +- +database/g)).toHaveLength(2)
    expect(out).toContain('Findings: 0 added, 1 removed, 0 changed')
    expect(seen[1]).toContain('cursor=next')
  })

  it('compares two images, as JSON where there is no terminal', async () => {
    answers = [json(diff)]
    const { out } = await pharos(['diff', digest, `sha256:${'b'.repeat(64)}`], false)
    expect(ImageDiff.parse(JSON.parse(out)).items).toHaveLength(1)
    expect(seen[0]).toBe(`/images/${digest}/diff?with=sha256:${'b'.repeat(64)}&limit=500`)
  })
})

describe('pharos history and as-of', () => {
  it('show what changed, and where more is', async () => {
    answers = [json({ items: [exampleOf(HistoryEntry)], nextCursor: 'more' })]
    const { out, err } = await pharos(['history', digest, '--limit', '1'])
    expect(out).toMatch(/gone +CVE-2021-23337 in lodash 4.17.20 +high, fixed +- +database/)
    expect(err).toContain('--cursor more')
  })

  it('show what was known at a moment', async () => {
    answers = [json({ items: [exampleOf(FindingAsOf)], nextCursor: null })]
    const { out } = await pharos(['as-of', '2026-10-01T00:00:00Z', '--filter', 'kev = true'])
    expect(out).toMatch(/high +CVE-2021-23337 +lodash/)
    expect(seen[0]).toBe('/findings:as-of?at=2026-10-01T00:00:00Z&filter=kev+=+true')
  })
})

describe('pharos changes', () => {
  const page = (nextCursor: string): ChangePage => ({ items: [Change.parse(exampleOf(Change))], nextCursor, hasMore: false })

  it('follows the feed from cursor to cursor, through an outage, until its cursor is refused', async () => {
    answers = [
      json(page('c1')),
      problem(new PharosError('upstream-unavailable', 'Away.')),
      json(page('c2')),
      problem(new PharosError('cursor-expired', 'Export first.')),
    ]
    const { code, out, err } = await pharos(['changes', '--follow', '--cursor', 'c0'], false)
    expect(code).toBe(1)
    expect(
      out
        .trimEnd()
        .split('\n')
        .map((line) => Change.parse(JSON.parse(line))),
    ).toHaveLength(2)
    expect(seen.map((url) => /cursor=(\w+)/.exec(url)?.[1])).toEqual(['c0', 'c1', 'c1', 'c2'])
    expect(err).toContain('Export first. (cursor-expired)')
  })

  it('shows one page, and how to go on', async () => {
    answers = [json(page('c1'))]
    const { out, err } = await pharos(['changes'])
    expect(out).toContain('image scanned, first result of grype')
    expect(err).toContain('--cursor c1')
  })
})

describe('pharos export', () => {
  it('writes all lines to a file', async () => {
    answers = [lines({ type: 'end', count: 0 })]
    const file = join(folder, 'findings.ndjson')
    const { code, err } = await pharos(['export', 'findings', '--filter', 'kev = true', '--file', file])
    expect({ code, err }).toEqual({ code: 0, err: '0 findings\n' })
    expect(await readFile(file, 'utf8')).toBe('{"type":"end","count":0}\n')
    expect(seen[0]).toBe('/export/findings?filter=kev+=+true')
  })

  it.each([
    ['that was broken off', { type: 'error', code: 'busy', detail: 'Too slow.' }, 'Too slow.'],
    ['whose end is missing', { type: 'start', resource: 'images', at: '2026-11-24T08:00:00.000Z', filter: null, cursor: 'c' }, 'cut off'],
  ] as const)('fails for a stream %s', async (_sentence, last, text) => {
    answers = [lines(last)]
    const { code, err } = await pharos(['export', 'images', '--file', join(folder, 'images.ndjson')])
    expect(code).toBe(1)
    expect(err).toContain(text)
  })

  it('refuses what cannot be exported', async () => {
    expect((await pharos(['export', 'secrets'])).code).toBe(2)
  })
})
