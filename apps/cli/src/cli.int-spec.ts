import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  exampleOf,
  FacetsAnswer,
  Finding,
  FindingPage,
  FleetPackagePage,
  ImageDetail,
  ImageSummary,
  ImageVerdict,
  problemType,
  ScanResult,
  ScanTask,
  SystemStatus,
  VulnerabilityDetail,
  VulnerabilityImagePage,
} from '@pharos/contracts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runProgram } from './program.js'

const taskId = exampleOf(ScanTask).id
const engine = {
  engine: 'grype',
  status: 'complete',
  engineVersion: '0.121.2',
  database: null,
  reasons: [],
  findingCount: 1,
  counts: { critical: 0, high: 1, medium: 0, low: 0, negligible: 0, unknown: 0 },
  fixable: 1,
  kev: 0,
  maxRisk: 3.2,
  scannedAt: '2026-11-24T08:00:00.000Z',
  lastAttemptFailed: false,
}

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void

let server: Server
let address: string
let answers: Record<string, Answer>
let seen: { method: string; url: string; body: string; authorization: string | undefined }[]

const json =
  (status: number, value: unknown): Answer =>
  (_request, response) =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))

beforeEach(async () => {
  answers = {}
  seen = []
  server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => (body += String(chunk)))
    request.on('end', () => {
      const url = request.url ?? ''
      seen.push({ method: request.method ?? '', url, body, authorization: request.headers.authorization })
      const answer = answers[`${request.method} ${url.split('?')[0]}`]
      if (answer) answer(request, response, body)
      else
        response.writeHead(404, { 'content-type': 'application/problem+json' }).end(
          JSON.stringify({
            type: problemType('not-found'),
            title: 'There is nothing here',
            status: 404,
            code: 'not-found',
            detail: 'No such \u001b[31mthing.',
          }),
        )
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

async function pharos(
  args: string[],
  options: { isTerminal?: boolean; environment?: Record<string, string> } = {},
): Promise<{ code: number; out: string; err: string }> {
  let out = ''
  let err = ''
  const code = await runProgram({
    arguments: args,
    environment: { PHAROS_SERVER: address, PHAROS_TOKEN: 'phr_x', ...options.environment },
    streams: { out: (text) => (out += text), err: (text) => (err += text), isTerminal: options.isTerminal ?? true },
    nowMs: () => Date.parse('2026-11-24T10:00:00.000Z'),
  })
  return { code, out, err }
}

function scanEnding(state: ScanTask['state'], extra: Partial<ScanTask> = {}): void {
  const task = { ...exampleOf(ScanTask), state, ...extra }
  answers['POST /api/v1/scans'] = json(202, exampleOf(ScanTask))
  answers[`GET /api/v1/scans/${taskId}/events`] = (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(
      `: hello\n\nid: 1\nevent: task\ndata: ${JSON.stringify({ id: taskId, state: 'running', phase: 'pull', detail: '1 of 2 layers', digest: null, version: 1, failure: null })}\n\n`,
    )
    response.end(
      `id: 2\nevent: task\ndata: ${JSON.stringify({ id: taskId, state, phase: 'done', detail: null, digest: null, version: 2, failure: null })}\n\n`,
    )
  }
  answers[`GET /api/v1/scans/${taskId}`] = json(200, task)
  answers[`GET /api/v1/scans/${taskId}/result`] = json(200, {
    ...exampleOf(ScanResult),
    task,
    image: { ...exampleOf(ImageDetail), engines: [engine] },
    topFindings: [exampleOf(Finding)],
  })
}

describe('pharos scan', () => {
  it('shows progress on standard error and the findings on standard output', async () => {
    scanEnding('succeeded')
    const { code, out, err } = await pharos([
      'scan',
      'alpine:3.18',
      '--platform',
      'linux/arm64',
      '--engines',
      'grype',
      '--context',
      'team=payments',
      '--max-age',
      '24h',
    ])
    expect(code).toBe(0)
    expect(err).toContain('1 of 2 layers')
    expect(out).toContain('CVE-2021-23337')
    expect(out).toContain('4.17.21')
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({
      image: 'alpine:3.18',
      platform: 'linux/arm64',
      engines: ['grype'],
      context: { team: 'payments' },
      maxAge: '24h',
    })
    expect(seen[0]?.authorization).toBe('Bearer phr_x')
  })

  it('writes JSON where there is no terminal', async () => {
    scanEnding('succeeded')
    const { out } = await pharos(['scan', 'alpine:3.18'], { isTerminal: false })
    expect(ScanResult.parse(JSON.parse(out)).topFindings).toHaveLength(1)
  })

  it.each([
    ['a failed scan', 'failed', [], 3],
    ['a quarantined scan', 'quarantined', [], 3],
    ['a partial scan', 'partial', [], 4],
    ['a partial scan that is allowed', 'partial', ['--allow-partial'], 0],
    ['a severe finding', 'succeeded', ['--fail-on', 'medium'], 5],
    ['findings below the limit', 'succeeded', ['--fail-on', 'critical'], 0],
  ] as const)('tells %s by its exit code', async (_sentence, state, flags, code) => {
    scanEnding(state)
    expect((await pharos(['scan', 'alpine:3.18', ...flags])).code).toBe(code)
  })

  it('gives up after its time without cancelling the scan', async () => {
    scanEnding('succeeded')
    answers[`GET /api/v1/scans/${taskId}/events`] = (_request, response) =>
      void response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': nothing yet\n\n')
    const { code, err } = await pharos(['scan', 'alpine:3.18', '--timeout', '100ms'])
    expect(code).toBe(6)
    expect(err).toContain(taskId)
    expect(seen.some(({ method }) => method === 'DELETE')).toBe(false)
  })

  it('opens a stream again that broke', async () => {
    scanEnding('succeeded')
    const whole = answers[`GET /api/v1/scans/${taskId}/events`] as Answer
    let opened = 0
    answers[`GET /api/v1/scans/${taskId}/events`] = (request, response, body) => {
      opened += 1
      if (opened === 1) response.writeHead(200, { 'content-type': 'text/event-stream' }).end(': early end\n\n')
      else whole(request, response, body)
    }
    expect((await pharos(['scan', 'alpine:3.18'])).code).toBe(0)
    expect(opened).toBe(2)
  })

  it('submits only with --no-wait', async () => {
    answers['POST /api/v1/scans'] = json(202, exampleOf(ScanTask))
    expect(await pharos(['scan', 'alpine:3.18', '--no-wait'])).toMatchObject({ code: 0, out: `${taskId}\n` })
  })
})

describe('pharos', () => {
  it('lists images with their counts', async () => {
    answers['GET /api/v1/images'] = json(200, {
      items: [
        { ...exampleOf(ImageSummary), engines: [engine], lastScannedAt: '2026-11-24T08:00:00.000Z', verdict: exampleOf(ImageVerdict) },
      ],
      nextCursor: 'abc',
    })
    const { out, err } = await pharos(['images', '--search', 'alpine*', '--limit', '1'])
    expect(seen[0]?.url).toBe('/api/v1/images?search=alpine*&limit=1')
    expect(out).toMatch(
      /4bcff63911fc\s+docker.io\/library\/alpine:3.18\s+linux\/amd64\s+alpine 3.18\s+15\s+0\s+1\s+0\s+0\s+unknown\s+complete\s+2h/,
    )
    expect(err).toContain('--cursor abc')
  })

  it('asks the fleet for findings by filter, and says how many there are', async () => {
    const image = {
      digest: `sha256:${'a'.repeat(64)}`,
      references: ['registry.example/shop:v1'],
      platform: 'linux/amd64',
      workloadCount: 3,
    }
    answers['GET /api/v1/findings'] = json(200, {
      ...exampleOf(FindingPage),
      items: [{ ...exampleOf(Finding), image }],
      count: { count: 10_000, isCapped: true },
    })
    const { out, err, code } = await pharos([
      'findings',
      '--filter',
      'severity >= high and kev = true',
      '--sort',
      '-epss',
      '--count',
      'true',
    ])
    expect(code).toBe(0)
    expect(new URL(seen[0]?.url ?? '', address).searchParams.get('filter')).toBe('severity >= high and kev = true')
    expect(seen[0]?.url).toContain('sort=-epss')
    expect(out).toMatch(/CVE-2021-23337\s+lodash\s+4\.17\.20\s+4\.17\.21.*grype.*registry\.example\/shop:v1\s+3/)
    expect(err).toContain('More than 10000 in all')
  })

  it('counts findings by value', async () => {
    answers['GET /api/v1/findings:facets'] = json(200, exampleOf(FacetsAnswer))
    expect((await pharos(['findings', '--facets', 'severity', '--filter', 'kev = true'])).out).toMatch(/severity\s+high\s+100/)
    expect(seen[0]?.url).toBe('/api/v1/findings:facets?fields=severity&filter=kev+%3D+true')
  })

  it('lists the packages of all images', async () => {
    answers['GET /api/v1/packages'] = json(200, exampleOf(FleetPackagePage))
    expect((await pharos(['packages', '--filter', 'package.name = lodash'])).out).toMatch(/npm\s+lodash\s+4\.17\.20\s+12\s+3/)
  })

  it('shows what a vulnerability affects and what runs it', async () => {
    answers['GET /api/v1/vulnerabilities/CVE-1'] = json(200, exampleOf(VulnerabilityDetail))
    const page = exampleOf(VulnerabilityImagePage)
    const workload = { cluster: 'eu', namespace: 'shop', kind: 'Deployment', name: 'web', container: 'main' }
    answers['GET /api/v1/vulnerabilities/CVE-1/images'] = json(200, {
      ...page,
      items: [{ ...page.items[0], workloads: [workload], workloadCount: 4 }],
    })
    expect((await pharos(['vulnerability', 'CVE-1'])).out).toContain('eu/shop/web and 3 more')
    expect(JSON.parse((await pharos(['vulnerability', 'CVE-1'], { isTerminal: false })).out)).toMatchObject({
      id: 'CVE-2021-23337',
      images: { items: [{ workloadCount: 4 }] },
    })
  })

  it('shows the system', async () => {
    answers['GET /api/v1/system'] = json(200, exampleOf(SystemStatus))
    expect((await pharos(['system'])).out).toContain('Pharos:')
  })

  it('explains a problem, with nothing in it that a terminal would act on', async () => {
    const { code, err } = await pharos(['image', 'sha256:00'])
    expect(code).toBe(1)
    expect(err).toContain('No such \\u001b[31mthing. (not-found)')
  })

  it('says how to reach a server that cannot be reached', async () => {
    const { code, err } = await pharos(['system', '--server', 'http://127.0.0.1:1'])
    expect(code).toBe(1)
    expect(err).toContain('PHAROS_SERVER')
  })

  it.each([
    ['an unknown command', ['fly']],
    ['an unknown option', ['images', '--colour', 'red']],
    ['a server that is no address', ['system', '--server', 'nowhere']],
    ['a severity that is none', ['scan', 'a', '--fail-on', 'bad']],
    ['a missing argument', ['scan']],
  ])('refuses %s with exit code 2', async (_sentence, args) => {
    expect((await pharos(args)).code).toBe(2)
  })

  it('documents its exit codes and takes help from the contract', async () => {
    expect((await pharos(['--help'])).out).toContain('6  the scan did not end within --timeout')
    expect((await pharos(['scan', '--help'])).out.replace(/\s+/g, ' ')).toContain('A complete stored result not older than this')
  })
})
